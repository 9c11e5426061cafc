// What holds for both pages, whatever is uploaded.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addTo, check, closeBrowser, makeFile, MiB, passes, quiet, reaches, row, server, stage, told, unique } from './stage.mjs';

after(closeBrowser);

const pages = ['/', '/resumable.html'];

for (const address of pages) {
  test(`${address} comes with a strict policy and asks no other host`, async (t) => {
    const answer = await fetch(server + address);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe-|https?:|\*/);
    const { context, line, complaints } = await stage(t);
    const asked = [];
    context.on('request', (request) => asked.push(request.url()));
    const page = await context.newPage();
    await page.goto(address, { waitUntil: 'networkidle' });
    assert.ok(asked.length > 3);
    assert.deepEqual(asked.filter((url) => !url.startsWith(line.url) && !/^(data|blob):/.test(url)), []);
    quiet(complaints);
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`${address} in ${colorScheme}: a checker of accessibility finds nothing, whatever the page shows`, async (t) => {
      const { open, folder, line, context } = await stage(t, { colorScheme });
      const page = await open(address);
      await check(page, 'empty');
      const file = await makeFile(folder, unique('checked'), 6 * MiB);
      if (address === '/') {
        await page.locator('input.uppy-Dashboard-input').first().setInputFiles(file.path);
        await page.locator('.uppy-StatusBar-actionBtn--upload').waitFor();
        await check(page, 'with a file');
        await page.reload();
        await page.getByText('Your last session is back').waitFor();
        await check(page, 'restored');
        await page.getByRole('button', { name: 'Cancel all' }).click();
      }
      line.slow(MiB);
      await addTo(page, file);
      await reaches(page, file, 'uploading');
      await check(page, 'uploading');
      await row(page, file).locator('[data-action="pause"]').click();
      await reaches(page, file, 'paused');
      await check(page, 'paused');
      await row(page, file).locator('[data-action="resume"]').click();
      line.fast();
      await reaches(page, file, 'done');
      await check(page, 'finished');
      const refuse = (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 403, body: 'ERR_NOT_ALLOWED: not you' }) : route.continue());
      await context.route(/\/files\/$|resumable_upload/, refuse);
      const refused = await makeFile(folder, unique('refused'), 100);
      await addTo(page, refused);
      await reaches(page, refused, 'failed');
      await check(page, 'failed');
      await row(page, refused).locator('[data-action="cancel"]').click();
      await context.unroute(/\/files\/$|resumable_upload/, refuse);
      line.cut();
      const waiting = await makeFile(folder, unique('waiting'), 100);
      await addTo(page, waiting);
      await reaches(page, waiting, 'retrying');
      await check(page, 'waiting for the line');
    });
  }

  test(`${address} fits a phone of 360 pixels`, async (t) => {
    const { open } = await stage(t, { viewport: { width: 360, height: 740 } });
    const page = await open(address);
    await page.locator('button:visible').first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  });

  test(`${address} without scripts tells how to upload by curl`, async (t) => {
    const { open } = await stage(t, { javaScriptEnabled: false });
    const page = await open(address);
    assert.match(await page.locator('noscript, pre').first().innerText(), /curl/);
  });

  test(`${address} works without config.json and obeys the size in it`, async (t) => {
    const { open, context, folder } = await stage(t);
    const file = await makeFile(folder, unique('configured'), 5000);
    const add = (page) => page.locator(address === '/' ? 'input.uppy-Dashboard-input' : '#files').first().setInputFiles(file.path);
    await context.route('**/config.json', (route) => route.fulfill({ json: { maxSize: 4096 } }));
    const strict = await open(address);
    await strict.getByText('A file can have up to 4 KB.').waitFor();
    await add(strict);
    await strict.getByText(/arger than the 4\sKB this server takes/).first().waitFor();
    await strict.close();
    await context.route('**/config.json', (route) => route.fulfill({ status: 404, body: '' }));
    const page = await open(address);
    await add(page);
    if (address === '/') await page.locator('.uppy-StatusBar-actionBtn--upload').click();
    await reaches(page, file, 'done');
  });
}

for (const address of pages) {
  test(`${address} shows a name that would turn the text around as it is spelt`, async (t) => {
    const { open, folder } = await stage(t);
    const page = await open(address);
    const file = await makeFile(folder, unique('photo\u202egnp', '.exe'), 10);
    await addTo(page, file);
    await row(page, { name: file.name.replace('\u202e', '\ufffd') }).and(page.locator('[data-state="done"]')).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.outerHTML.includes('\u202e')), false);
  });

  test(`${address} offers no download where the server has none`, async (t) => {
    const { open, folder, context } = await stage(t);
    const links = (page) => page.getByRole('link', { name: 'Download' });
    const file = await makeFile(folder, unique('kept'), 10);
    const page = await open(address);
    await addTo(page, file);
    await reaches(page, file, 'done');
    await links(page).waitFor();
    await page.close();
    await told(context, { downloads: false });
    const other = await makeFile(folder, unique('kept'), 10);
    const without = await open(address);
    await addTo(without, other);
    await reaches(without, other, 'done');
    await without.waitForTimeout(500);
    assert.equal(await links(without).count(), 0);
  });

  test(`${address} names the address of the server when it is open at another`, async (t) => {
    const { open, context } = await stage(t);
    await told(context, { publicUrl: 'https://up.example.com/media/' });
    const page = await open(address);
    await page.locator('#notice').getByText('Open this page at https://up.example.com/media/').waitFor();
  });
}

test('cancel asks a server without termination for nothing', async (t) => {
  const { open, folder, line, context, complaints } = await stage(t);
  await told(context, { termination: false });
  const page = await open('/');
  const deleted = [];
  page.on('request', (request) => request.method() === 'DELETE' && deleted.push(request.url()));
  const file = await makeFile(folder, unique('left'), 12 * MiB);
  line.slow(2 * MiB);
  await addTo(page, file);
  await passes(page, file, 10);
  await row(page, file).locator('[data-action="cancel"]').click();
  await row(page, file).waitFor({ state: 'detached' });
  await page.waitForTimeout(500);
  assert.deepEqual(deleted, []);
  quiet(complaints);
});

test('a server without chunks has no link to their page, and the page itself says so', async (t) => {
  const { open, context } = await stage(t);
  await told(context, { resumableEndpoint: null });
  const page = await open('/');
  await page.locator('.uppy-Dashboard-browse').first().waitFor();
  assert.equal(await page.getByRole('link', { name: 'Resumable.js' }).count(), 0);
  await page.goto('/resumable.html');
  await page.getByText('This server takes no uploads in chunks.').waitFor();
  assert.equal(await page.locator('#zone').isVisible(), false);
});

test('the pages lead to each other', async (t) => {
  const { open } = await stage(t);
  const page = await open('/');
  await page.getByRole('link', { name: 'Resumable.js' }).click();
  await page.getByRole('heading', { name: 'Upload in chunks' }).waitFor();
  await page.getByRole('link', { name: 'Upload', exact: true }).click();
  await page.getByRole('heading', { name: 'Upload files' }).waitFor();
});

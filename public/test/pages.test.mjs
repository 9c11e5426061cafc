// What holds for both pages, whatever is uploaded.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { closeBrowser, makeFile, quiet, reaches, server, stage, unique } from './stage.mjs';

after(closeBrowser);

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
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
    test(`${address} in ${colorScheme}: a checker of accessibility finds nothing, empty or with files`, async (t) => {
      const { open, folder } = await stage(t, { colorScheme });
      const page = await open(address);
      await check(page, 'empty');
      const file = await makeFile(folder, unique('checked', '.txt'), 1000);
      if (address === '/') {
        await page.locator('input.uppy-Dashboard-input').first().setInputFiles(file.path);
        await page.locator('.uppy-StatusBar-actionBtn--upload').waitFor();
        await check(page, 'with a file');
        await page.locator('.uppy-StatusBar-actionBtn--upload').click();
      } else {
        await page.locator('#files').setInputFiles(file.path);
      }
      await reaches(page, file, 'done');
      await check(page, 'finished');
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
    await strict.getByText('A file can have up to 4.0 KB.').waitFor();
    await add(strict);
    await strict.getByText(/arger than the 4\.0\sKB this server takes/).first().waitFor();
    await strict.close();
    await context.route('**/config.json', (route) => route.fulfill({ status: 404, body: '' }));
    const page = await open(address);
    await add(page);
    if (address === '/') await page.locator('.uppy-StatusBar-actionBtn--upload').click();
    await reaches(page, file, 'done');
  });
}

test('the pages lead to each other', async (t) => {
  const { open } = await stage(t);
  const page = await open('/');
  await page.getByRole('link', { name: 'Resumable.js' }).click();
  await page.getByRole('heading', { name: 'Upload in chunks' }).waitFor();
  await page.getByRole('link', { name: 'Upload', exact: true }).click();
  await page.getByRole('heading', { name: 'Upload files' }).waitFor();
});

async function check(page, when) {
  await page.waitForTimeout(600); // Uppy fades its panels in; half faded text has no contrast
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const found = violations.map(({ id, nodes }) => `${when}: ${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  assert.deepEqual(found, []);
}

// The main page: Uppy's Dashboard over tus.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { addTo, arrived, closeBrowser, copies, dropOn, holdConfig, makeFile, MiB, passes, quiet, reaches, row, share, stage, unique, until } from './stage.mjs';

after(closeBrowser);

const add = (page, ...files) => page.locator('input.uppy-Dashboard-input:not([webkitdirectory])').first().setInputFiles(files.map((file) => file.path));
const upload = (page) => page.locator('.uppy-StatusBar-actionBtn--upload').click();
const press = (page, file, action) => row(page, file).locator(`[data-action="${action}"]`).click();

test('files of no byte, one byte and a few mebibytes arrive, and the console stays empty', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const files = [
    await makeFile(folder, unique('empty'), 0),
    await makeFile(folder, unique('one'), 1),
    await makeFile(folder, unique('some', '.txt'), 3 * MiB + 17),
  ];
  await add(page, ...files);
  await upload(page);
  for (const file of files) await reaches(page, file, 'done');
  await arrived(...files);
  quiet(complaints);
});

test('forty mebibytes arrive, and the page tells of it', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('large'), 40 * MiB);
  await add(page, file);
  await upload(page);
  await reaches(page, file, 'done');
  await page.locator('#announce', { hasText: `${file.name} is uploaded.` }).waitFor({ state: 'attached' });
  await arrived(file);
  quiet(complaints);
});

test('a name that looks like markup stays text', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique("<img src=x onerror=document.title='pwned'>", '.txt'), 10);
  await add(page, file);
  await upload(page);
  await reaches(page, file, 'done');
  assert.equal(await page.locator('main img[src="x"]').count(), 0);
  assert.notEqual(await page.title(), 'pwned');
  quiet(complaints);
});

test('two hundred small files arrive', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const files = [];
  for (let n = 0; n < 200; n += 1) files.push(await makeFile(folder, unique(`small${n}`), 100 + n));
  await add(page, ...files);
  await upload(page);
  await page.locator('#summary', { hasText: '200 of 200 files' }).waitFor();
  await arrived(...files);
  quiet(complaints);
});

test('a folder arrives with everything in it', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const top = unique('folder', '');
  const files = [
    await makeFile(folder, path.join(top, unique('a')), 1000),
    await makeFile(folder, path.join(top, 'inner', unique('b')), 2000),
    await makeFile(folder, path.join(top, 'inner', 'deep', unique('c')), 3000),
  ];
  await page.locator('input.uppy-Dashboard-input[webkitdirectory]').first().setInputFiles(path.join(folder, top));
  await upload(page);
  await page.locator('#summary', { hasText: '3 of 3 files' }).waitFor();
  await row(page, { name: `${top}/inner/deep/${files[2].name}` }).waitFor();
  await arrived(...files);
  quiet(complaints);
});

test('a folder dropped beside the Dashboard arrives with everything in it', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const top = unique('dropped', '');
  const files = [];
  for (let n = 0; n < 120; n += 1) files.push(await makeFile(folder, path.join(top, n % 2 ? 'odd' : 'even', unique(`d${n}`)), 10 + n));
  await page.locator('.uppy-Dashboard-browse').first().waitFor();
  await dropOn(page, 'h1', path.join(folder, top));
  await page.getByRole('button', { name: 'Upload 120 files' }).click();
  await page.locator('#summary', { hasText: '120 of 120 files' }).waitFor();
  await page.locator('#more', { hasText: 'and 20 files more' }).waitFor();
  await arrived(...files);
  quiet(complaints);
});

test('pause all, resume all, and files that are added meanwhile', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/');
  const files = [];
  for (let n = 0; n < 5; n += 1) files.push(await makeFile(folder, unique(`together${n}`), 6 * MiB));
  line.slow(2 * MiB);
  await add(page, ...files.slice(0, 4));
  await upload(page);
  await passes(page, files[0], 20);
  await page.getByRole('button', { name: 'Pause all' }).click();
  for (const file of files.slice(0, 4)) await reaches(page, file, 'paused');
  await until('nothing moves any more', async () => {
    const before = line.sent();
    await page.waitForTimeout(1000);
    return line.sent() === before;
  });
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'resume-all');
  line.fast();
  await page.getByRole('button', { name: 'Resume all' }).click();
  await addTo(page, files[4]);
  for (const file of files) await reaches(page, file, 'done');
  await arrived(...files);
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await page.locator('.uppy-Dashboard-browse').first().waitFor();
  await page.locator('#transfers').waitFor({ state: 'hidden' });
  quiet(complaints);
});

test('pause stops the bytes, resume goes on where they stopped', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('paused'), 24 * MiB);
  line.slow(4 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 20);
  await row(page, file).getByText(/^Uploading · \d+\s%( · [\d.]+\s[KM]B\/s · .+\sleft)$/).waitFor();
  await page.locator('#summary').getByText(/^0 of 1 file · .+ of 24\sMB · [\d.]+\s[KM]B\/s · .+\sleft$/).waitFor();
  await press(page, file, 'pause');
  await reaches(page, file, 'paused');
  await until('nothing moves any more', async () => {
    const before = line.sent();
    await page.waitForTimeout(1000);
    return line.sent() === before;
  });
  await press(page, file, 'resume');
  line.fast();
  await reaches(page, file, 'done');
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
  quiet(complaints);
});

test('a reload in the middle goes on where it stopped, without choosing the file again', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('reloaded'), 24 * MiB);
  line.slow(4 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 30);
  await page.reload();
  line.fast();
  await page.getByText('Your last session is back').waitFor();
  await upload(page);
  await reaches(page, file, 'done');
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('a crash of the tab in the middle goes on in the next one', async (t) => {
  const { open, folder, line } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('crashed'), 24 * MiB);
  line.slow(4 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 30);
  const crashed = page.waitForEvent('crash');
  page.goto('chrome://crash').catch(() => {});
  await crashed;
  await page.close();
  line.fast();
  const next = await open('/');
  await next.getByText('Your last session is back').waitFor();
  await upload(next);
  await reaches(next, file, 'done');
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
});

test('a tab that closes right after the end finds nothing to restore', async (t) => {
  const { open, folder } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('ended'), 1000);
  await add(page, file);
  await upload(page);
  await page.locator('[data-state="done"]').waitFor();
  await page.close();
  const next = await open('/');
  await next.locator('.uppy-Dashboard-browse').first().waitFor();
  await next.waitForTimeout(500);
  assert.equal(await next.getByText('Your last session is back').count(), 0);
  const other = await makeFile(folder, unique('after'), 1000);
  await addTo(next, other);
  await reaches(next, other, 'done');
  await arrived(file, other);
});

test('a file dropped before the page is ready is taken when it is', async (t) => {
  const { context, folder, complaints } = await stage(t);
  const letGo = await holdConfig(context);
  const page = await context.newPage();
  await page.goto('/');
  const file = await makeFile(folder, unique('early'), 1000);
  await dropOn(page, 'h1', file.path);
  letGo();
  await page.getByRole('button', { name: 'Upload 1 file' }).click();
  await reaches(page, file, 'done');
  await arrived(file);
  quiet(complaints);
});

test('offline in the middle: it waits, says so, and goes on by itself', async (t) => {
  const { open, folder, line, context, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('offline'), 24 * MiB);
  line.slow(4 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 20);
  await context.setOffline(true);
  line.cut();
  await reaches(page, file, 'retrying');
  await row(page, file).getByText('You are offline').waitFor();
  line.mend();
  line.fast();
  await context.setOffline(false);
  await reaches(page, file, 'done');
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('the server gone for a while: it waits, says so, and goes on by itself', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('gone'), 16 * MiB);
  line.slow(4 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 20);
  line.cut();
  await row(page, file).getByText('The server cannot be reached. It is tried again by itself.').waitFor();
  line.mend();
  line.fast();
  await reaches(page, file, 'done');
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('two tabs send the same file: both finish, neither takes the other for lost', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const first = await open('/');
  const file = await makeFile(folder, unique('twice'), 12 * MiB);
  line.slow(4 * MiB);
  await add(first, file);
  await upload(first);
  await passes(first, file, 20);
  const second = await open('/');
  await second.locator('.uppy-Dashboard-AddFiles-title').first().waitFor();
  assert.equal(await second.getByText('Your last session is back').count(), 0);
  await add(second, file);
  await upload(second);
  line.fast();
  await Promise.all([reaches(first, file, 'done'), reaches(second, file, 'done')]);
  await arrived(file);
  assert.ok((await copies(file)) >= 1);
  quiet(complaints);
});

test('cancel takes the file off the list and off the server', async (t) => {
  const { open, folder, line } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('cancelled'), 24 * MiB);
  line.slow(2 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 5);
  const deleted = page.waitForResponse((response) => response.request().method() === 'DELETE');
  await press(page, file, 'cancel');
  assert.equal((await deleted).status(), 204);
  await row(page, file).waitFor({ state: 'detached' });
  assert.equal(await copies(file), 0);
});

test('what the server refuses is said in words, and Retry sends it again', async (t) => {
  const { open, folder } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('refused'), 1000);
  await page.route('**/files/', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 413, headers: { 'Tus-Resumable': '1.0.0' }, body: 'ERR_MAX_SIZE_EXCEEDED: <b>too large</b>' })
      : route.continue(),
  );
  await add(page, file);
  await upload(page);
  await reaches(page, file, 'failed');
  await row(page, file).getByText(/larger than/).waitFor();
  assert.equal(await page.locator('main b').count(), 0, 'the server\'s words are no markup');
  await page.locator('#announce', { hasText: `Failed: ${file.name}` }).waitFor({ state: 'attached' });
  await page.unroute('**/files/');
  await row(page, file).getByRole('button', { name: `Retry ${file.name}` }).click();
  await reaches(page, file, 'done');
  await arrived(file);
});

test('one failed file is no failed upload while others are under way, and one that is cancelled is none at all', async (t) => {
  const { open, folder, line } = await stage(t);
  const page = await open('/');
  const going = await makeFile(folder, unique('going'), 12 * MiB);
  const refused = await makeFile(folder, unique('refused'), 1000);
  line.slow(MiB);
  await addTo(page, going);
  await passes(page, going, 5);
  await page.route('**/files/', (route) => route.fulfill({ status: 403, body: 'ERR_NOT_ALLOWED: not you' }));
  await addTo(page, refused);
  await reaches(page, refused, 'failed');
  await page.locator('.uppy-StatusBar.is-uploading').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Clear finished' }).count(), 0, 'nothing is finished yet');
  await press(page, going, 'pause');
  await page.locator('.uppy-StatusBar').getByText('Paused').waitFor();
  await press(page, going, 'resume');
  line.fast();
  await reaches(page, going, 'done');
  await page.locator('.uppy-StatusBar.is-error').waitFor();
  await page.getByRole('button', { name: 'Clear finished' }).waitFor();
  await press(page, refused, 'cancel');
  await page.getByRole('button', { name: 'Done', exact: true }).waitFor();
});

test('no room on the server: the page says so and tries again by itself', async (t) => {
  const { open, folder } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('full'), 1000);
  await page.route('**/files/', (route) => route.fulfill({ status: 507, headers: { 'Tus-Resumable': '1.0.0' }, body: 'ERR_NO_SPACE: full' }));
  await add(page, file);
  await upload(page);
  await row(page, file).getByText('The server has no room for it now. It is tried again by itself.').waitFor();
  await page.unroute('**/files/');
  await reaches(page, file, 'done');
  await arrived(file);
});

test('by keyboard alone: choose, upload, see it finished', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/');
  const file = await makeFile(folder, unique('keys'), 1000);
  await page.locator('.uppy-Dashboard-browse').first().waitFor();
  const chooser = page.waitForEvent('filechooser');
  await tabTo(page, 'Choose files');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(file.path);
  await page.locator('.uppy-StatusBar-actionBtn--upload').waitFor();
  await tabTo(page, 'Upload 1 file');
  await page.keyboard.press('Enter');
  await reaches(page, file, 'done');
  assert.equal(await share(page, file), 100);
  await arrived(file);
  quiet(complaints);
});

async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute('aria-label'));
    if (here === name) return;
  }
  assert.fail(`Tab never reaches "${name}"`);
}

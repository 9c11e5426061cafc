// The page of the replaced program: Resumable.js.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { arrived, closeBrowser, copies, dropOn, holdConfig, makeFile, MiB, passes, patience, quiet, reaches, row, share, stage, told, unique, until } from './stage.mjs';

after(closeBrowser);

const choose = (page, ...files) => page.locator('#files').setInputFiles(files.map((file) => file.path));
const press = (page, file, action) => row(page, file).locator(`[data-action="${action}"]`).click();

test('files of no byte, one byte and one chunk arrive, and the console stays empty', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const files = [
    await makeFile(folder, unique('empty'), 0),
    await makeFile(folder, unique('one'), 1),
    await makeFile(folder, unique('chunk'), 8 * MiB),
    await makeFile(folder, unique('more'), 8 * MiB + 1),
  ];
  await choose(page, ...files);
  for (const file of files) await reaches(page, file, 'done');
  await arrived(...files);
  quiet(complaints);
});

test('files chosen or dropped before the page is ready are taken when it is', async (t) => {
  const { context, folder, complaints } = await stage(t);
  const letGo = await holdConfig(context);
  const page = await context.newPage();
  await page.goto('/resumable.html');
  const chosen = await makeFile(folder, unique('chosen'), 1000);
  const dropped = await makeFile(folder, unique('dropped'), 1000);
  const chooser = page.waitForEvent('filechooser', { timeout: patience });
  await page.getByRole('button', { name: 'Choose files' }).click();
  await (await chooser).setFiles(chosen.path);
  await dropOn(page, '#zone', dropped.path);
  letGo();
  await reaches(page, chosen, 'done');
  await reaches(page, dropped, 'done');
  await arrived(chosen, dropped);
  quiet(complaints);
});

test('forty mebibytes arrive in chunks, and the page tells of it', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('large'), 41 * MiB + 5);
  await choose(page, file);
  await reaches(page, file, 'done');
  await page.locator('#announce', { hasText: `${file.name} is uploaded.` }).waitFor({ state: 'attached' });
  await arrived(file);
  quiet(complaints);
});

test('a name that looks like markup stays text, two names in another script stay two files', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const files = [
    await makeFile(folder, unique("<img src=x onerror=document.title='pwned'>", '.txt'), 10),
    await makeFile(folder, unique('отчёт', '.тхт'), 10),
    await makeFile(folder, unique('рисок', '.тхт'), 10),
  ];
  await choose(page, ...files);
  for (const file of files) await reaches(page, file, 'done');
  assert.equal(await page.locator('main img[src="x"]').count(), 0);
  assert.notEqual(await page.title(), 'pwned');
  await arrived(...files);
  quiet(complaints);
});

test('two hundred small files arrive', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const files = [];
  for (let n = 0; n < 200; n += 1) files.push(await makeFile(folder, unique(`small${n}`), 100 + n));
  await choose(page, ...files);
  await page.locator('#summary', { hasText: '200 of 200 files' }).waitFor();
  await arrived(...files);
  quiet(complaints);
});

test('a folder arrives with everything in it', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const top = unique('folder', '');
  const files = [await makeFile(folder, path.join(top, unique('a')), 1000), await makeFile(folder, path.join(top, 'inner', unique('b')), 2000)];
  await page.locator('#folder').setInputFiles(path.join(folder, top));
  await page.locator('#summary', { hasText: '2 of 2 files' }).waitFor();
  await row(page, { name: `${top}/inner/${files[1].name}` }).waitFor();
  await arrived(...files);
  quiet(complaints);
});

test('pause stops the bytes and lets other files through, resume goes on where they stopped', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('paused'), 40 * MiB);
  const other = await makeFile(folder, unique('other'), 1000);
  line.slow(3 * MiB);
  await choose(page, file);
  await passes(page, file, 30);
  await row(page, file).getByText(/^Uploading · \d+\s%( · [\d.]+\s[KM]B\/s · .+\sleft)$/).waitFor();
  await page.locator('#summary').getByText(/^0 of 1 file · .+ of 40\sMB · [\d.]+\s[KM]B\/s · .+\sleft$/).waitFor();
  await press(page, file, 'pause');
  await reaches(page, file, 'paused');
  await choose(page, other);
  await reaches(page, other, 'done');
  await until('nothing moves any more', async () => {
    const before = line.sent();
    await page.waitForTimeout(1000);
    return line.sent() === before;
  });
  await press(page, file, 'resume');
  line.fast();
  await reaches(page, file, 'done');
  await arrived(file, other);
  quiet(complaints);
});

test('a reload in the middle: the page names the file, and choosing it again sends only what is missing', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('reloaded'), 64 * MiB);
  line.slow(4 * MiB);
  await choose(page, file);
  await passes(page, file, 65); // at least one round of four chunks is stored
  await page.reload();
  line.fast();
  await page.locator('#unfinished-rows', { hasText: file.name }).waitFor();
  const before = line.sent();
  await choose(page, file);
  await reaches(page, file, 'done');
  assert.ok(line.sent() - before <= 40 * MiB, `stored chunks are not sent again: ${line.sent() - before} bytes`);
  await page.locator('#unfinished').waitFor({ state: 'hidden' });
  await arrived(file);
  quiet(complaints);
});

test('a crash of the tab in the middle: the next one names the file, and choosing it again sends only what is missing', async (t) => {
  const { open, folder, line, context } = await stage(t);
  await told(context, { chunkSize: MiB });
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('crashed'), 24 * MiB);
  line.slow(2 * MiB);
  await choose(page, file);
  await passes(page, file, 60);
  const crashed = page.waitForEvent('crash');
  page.goto('chrome://crash').catch(() => {});
  await crashed;
  await page.close();
  line.fast();
  const next = await open('/resumable.html');
  await next.locator('#unfinished-rows', { hasText: file.name }).waitFor();
  const before = line.sent();
  await choose(next, file);
  await reaches(next, file, 'done');
  assert.ok(line.sent() - before < 20 * MiB, `stored chunks are not sent again: ${line.sent() - before} bytes`);
  await arrived(file);
});

test('offline in the middle: it waits, says so, and goes on by itself', async (t) => {
  const { open, folder, line, context, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('offline'), 40 * MiB);
  line.slow(4 * MiB);
  await choose(page, file);
  await passes(page, file, 20);
  await context.setOffline(true);
  line.cut();
  await reaches(page, file, 'retrying');
  await row(page, file).getByText('You are offline').waitFor();
  line.mend();
  line.fast();
  await context.setOffline(false);
  await reaches(page, file, 'done');
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('the server gone for longer than the library would wait: it goes on by itself', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('gone'), 20 * MiB);
  line.slow(4 * MiB);
  await choose(page, file);
  await passes(page, file, 20);
  line.cut();
  await row(page, file).getByText('A chunk did not get through. It is tried again by itself.').waitFor();
  await row(page, file).getByText('The server cannot be reached. It is tried again by itself.').waitFor({ timeout: 90_000 });
  line.mend();
  line.fast();
  await reaches(page, file, 'done');
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('two tabs send the same file: one file, whole', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const tabs = [await open('/resumable.html'), await open('/resumable.html')];
  const file = await makeFile(folder, unique('twice'), 20 * MiB);
  line.slow(8 * MiB);
  await Promise.all(tabs.map((page) => choose(page, file)));
  line.fast();
  await Promise.all(tabs.map((page) => reaches(page, file, 'done')));
  await arrived(file);
  assert.equal(await copies(file), 1);
  quiet(complaints);
});

test('cancel takes the file off the list and sends nothing more', async (t) => {
  const { open, folder, line } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('cancelled'), 40 * MiB);
  line.slow(2 * MiB);
  await choose(page, file);
  await passes(page, file, 5);
  await press(page, file, 'cancel');
  await row(page, file).waitFor({ state: 'detached' });
  await until('nothing moves any more', async () => {
    const before = line.sent();
    await page.waitForTimeout(1000);
    return line.sent() === before;
  });
  assert.equal(await copies(file), 0);
});

test('what was sent has expired: it says so, and sends all of it again by itself', async (t) => {
  const { open, folder } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('expired'), 40 * MiB);
  // The last chunk comes when the others have been taken, and too late.
  const last = ({ searchParams }) => searchParams.has('resumableChunkNumber') && searchParams.get('resumableChunkNumber') === searchParams.get('resumableTotalChunks');
  await page.route(last, (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 404, body: 'ERR_CHUNKS_GONE: the chunks that were sent before have expired or were removed; send all of them again' })
      : route.continue(),
  );
  await choose(page, file);
  await row(page, file).getByText('What was sent before has expired. It is tried again by itself.').waitFor();
  await page.unroute(last);
  await reaches(page, file, 'done');
  await arrived(file);
});

test('what the server refuses is said in words, and Retry sends it again', async (t) => {
  const { open, folder } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('refused'), 1000);
  const refuse = (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 403, body: 'ERR_NOT_ALLOWED: <b>not you</b>' }) : route.continue());
  await page.route('**/resumable_upload?*', refuse);
  await choose(page, file);
  await reaches(page, file, 'failed');
  await row(page, file).getByText('The server does not allow this upload. It says: <b>not you</b>').waitFor();
  await page.locator('#announce', { hasText: `Failed: ${file.name}` }).waitFor({ state: 'attached' });
  await page.unroute('**/resumable_upload?*', refuse);
  await press(page, file, 'retry');
  await reaches(page, file, 'done');
  await arrived(file);
});

test('a dropped folder of 150 files arrives whole', async (t) => {
  const { open, folder, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const top = unique('dropped', '');
  const files = [];
  for (let n = 0; n < 150; n += 1) files.push(await makeFile(folder, path.join(top, unique(`d${n}`)), 10 + n));
  await dropOn(page, '#zone', path.join(folder, top));
  await page.locator('#summary', { hasText: '150 of 150 files' }).waitFor({ timeout: patience });
  await arrived(...files);
  quiet(complaints);
});

test('by keyboard alone: choose, pause, resume, see it finished', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open('/resumable.html');
  const file = await makeFile(folder, unique('keys'), 24 * MiB);
  line.slow(2 * MiB);
  const chooser = page.waitForEvent('filechooser');
  await tabTo(page, 'Choose files');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(file.path);
  await passes(page, file, 1);
  await tabTo(page, `Pause ${file.name}`);
  await page.keyboard.press('Enter');
  await reaches(page, file, 'paused');
  assert.equal(await focused(page), `Resume ${file.name}`, 'the focus stays where the button was');
  line.fast();
  await page.keyboard.press('Enter');
  await reaches(page, file, 'done');
  assert.equal(await share(page, file), 100);
  await arrived(file);
  quiet(complaints);
});

const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent?.trim());

async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await focused(page)) === name) return;
  }
  assert.fail(`Tab never reaches "${name}"`);
}

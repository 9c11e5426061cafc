// The main page and what an earlier session left, however late the browser tells of it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { addTo, arrived, closeBrowser, copies, holdRecord, letGo, makeFile, MiB, passes, quiet, reaches, record, row, share, stage, unique, until } from './stage.mjs';

after(closeBrowser);

const add = (page, ...files) => page.locator('input.uppy-Dashboard-input:not([webkitdirectory])').first().setInputFiles(files.map((file) => file.path));
const upload = (page) => page.locator('.uppy-StatusBar-actionBtn--upload').click();

/** Leaves a file behind that is sent in part, and a page that does not know of it yet. */
async function leave(t) {
  const scene = await stage(t);
  const left = await makeFile(scene.folder, unique('left'), 12 * MiB);
  const page = await scene.open('/');
  scene.line.slow(4 * MiB);
  await add(page, left);
  await upload(page);
  await passes(page, left, 30);
  await until('the browser keeps the file', async () => (await record(page)).some((one) => one.kept && one.tus?.uploadUrl));
  await page.close();
  scene.line.fast();
  await holdRecord(scene.context);
  const next = await scene.open('/');
  return { ...scene, left, page: next };
}

test('files chosen before the page knows of an earlier session stay, when that left nothing', async (t) => {
  const { open, folder, context, complaints } = await stage(t);
  const before = await open('/');
  const old = await makeFile(folder, unique('before'), 1000);
  await addTo(before, old);
  await reaches(before, old, 'done');
  await until('the end is written down', async () => (await record(before)).every((one) => one.progress.complete));
  await before.close();
  await holdRecord(context);
  const page = await open('/');
  const file = await makeFile(folder, unique('newcomer'), 1000);
  await add(page, file);
  await page.getByRole('button', { name: 'Upload 1 file' }).waitFor();
  await letGo(page);
  await until('the page has looked at it', async () => (await record(page)).some((one) => one.name === file.name && one.kept));
  await page.getByRole('button', { name: 'Upload 1 file' }).click();
  await reaches(page, file, 'done');
  await arrived(old, file);
  quiet(complaints);
});

test('files chosen before the page knows of an earlier session go together with those of that session', async (t) => {
  const { left, page, folder, line, complaints } = await leave(t);
  const file = await makeFile(folder, unique('newcomer'), 1000);
  await add(page, file);
  await page.getByRole('button', { name: 'Upload 1 file' }).waitFor();
  await until('the browser keeps it', async () => (await record(page)).some((one) => one.name === file.name && one.kept));
  await letGo(page);
  await page.getByText('Your last session is back').waitFor();
  await page.getByRole('button', { name: 'Upload 2 files' }).waitFor();
  // The browser keeps both of them, and another reload finds them.
  await until('both are kept', async () => (await record(page)).filter((one) => one.kept).length === 2);
  await page.reload();
  await letGo(page);
  await page.getByText('Press Upload to go on where it stopped.').waitFor();
  await page.getByRole('button', { name: 'Upload 2 files' }).click();
  await reaches(page, file, 'done');
  await reaches(page, left, 'done');
  assert.ok(line.sent() < 18 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${left.size}`);
  await arrived(left, file);
  quiet(complaints, { butNetwork: true });
});

test('an upload begun before the page knows of an earlier session runs on, and that session follows', async (t) => {
  const { left, page, folder, line, complaints } = await leave(t);
  const file = await makeFile(folder, unique('newcomer'), 12 * MiB);
  line.slow(2 * MiB);
  await add(page, file);
  await upload(page);
  await passes(page, file, 20);
  await letGo(page);
  await page.locator('#notice').getByText('Your last session is back, and goes on where it stopped.').waitFor();
  await row(page, left).waitFor();
  await reaches(page, file, 'uploading');
  assert.ok((await share(page, file)) >= 20);
  line.fast();
  await reaches(page, file, 'done');
  await reaches(page, left, 'done');
  assert.ok(line.sent() < 32 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${left.size + file.size}`);
  await arrived(left, file);
  await page.locator('#notice').waitFor({ state: 'hidden' });
  quiet(complaints, { butNetwork: true });
});

test('an upload finished before the page knows of an earlier session stays in the list', async (t) => {
  const { open, folder, context, complaints } = await stage(t);
  const before = await open('/');
  await addTo(before, await makeFile(folder, unique('before'), 1000));
  await before.locator('[data-state="done"]').waitFor();
  await until('the end is written down', async () => (await record(before)).every((one) => one.progress.complete));
  await before.close();
  await holdRecord(context);
  const page = await open('/');
  const file = await makeFile(folder, unique('newcomer'), 1000);
  await addTo(page, file);
  await reaches(page, file, 'done');
  await page.getByRole('button', { name: 'Done', exact: true }).waitFor();
  await page.waitForTimeout(1000); // the whole progress is reckoned at most twice a second, and late
  await letGo(page);
  await page.waitForTimeout(1500);
  await reaches(page, file, 'done');
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await row(page, file).waitFor({ state: 'detached' });
  quiet(complaints);
});

test('the same file chosen again before the page knows of an earlier session goes on where that stopped', async (t) => {
  const { left, page, line, complaints } = await leave(t);
  await add(page, left);
  await page.getByRole('button', { name: 'Upload 1 file' }).waitFor();
  await letGo(page);
  await page.getByText('Your last session is back').waitFor();
  await page.getByRole('button', { name: 'Upload 1 file' }).click();
  await reaches(page, left, 'done');
  assert.ok(line.sent() < 18 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${left.size}`);
  await arrived(left);
  assert.equal(await copies(left), 1);
  quiet(complaints, { butNetwork: true });
});

test('what the browser did not keep of an earlier session does not hold up an upload begun before', async (t) => {
  const { left, page, folder, line, complaints } = await leave(t);
  const file = await makeFile(folder, unique('newcomer'), 12 * MiB);
  line.slow(2 * MiB);
  await dropKept(page);
  await add(page, file);
  await upload(page);
  await passes(page, file, 20);
  await letGo(page);
  await page.locator('#notice').getByText(`Your last session had ${left.name}`).waitFor();
  await reaches(page, file, 'uploading');
  line.fast();
  await addTo(page, left);
  await page.locator('#notice').waitFor({ state: 'hidden' });
  await reaches(page, file, 'done');
  await reaches(page, left, 'done');
  assert.ok(line.sent() < 32 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${left.size + file.size}`);
  await arrived(left, file);
  quiet(complaints, { butNetwork: true });
});

/** As if the files had been too large for the browser to keep. */
async function dropKept(page) {
  await page.evaluate(async () => {
    const answer = (request) => new Promise((done, failed) => Object.assign(request, { onsuccess: () => done(request.result), onerror: failed }));
    const db = await answer(indexedDB.open('uppy-blobs'));
    await answer(db.transaction(['files'], 'readwrite').objectStore('files').clear());
    db.close();
  });
}

test('Upload means the files of the last session and those chosen beside them', async (t) => {
  const { left, page, folder, complaints } = await leave(t);
  await letGo(page);
  await page.getByText('Your last session is back').waitFor();
  const file = await makeFile(folder, unique('beside'), 1000);
  await page.locator('#dashboard .uppy-DashboardContent-addMore').click();
  await add(page, file);
  await page.getByRole('button', { name: 'Upload 2 files' }).click();
  await reaches(page, left, 'done');
  await reaches(page, file, 'done');
  await arrived(left, file);
  quiet(complaints, { butNetwork: true });
});

test('Upload sends again what had failed in the last session beside an upload under way', async (t) => {
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
  await until('the failure is written down', async () => (await record(page)).some((one) => one.name === refused.name && one.error));
  await page.close();
  line.fast();
  const next = await open('/');
  await next.getByText('Your last session is back').waitFor();
  await upload(next);
  await reaches(next, going, 'done');
  await reaches(next, refused, 'done');
  await arrived(going, refused);
});

// What every scene needs: a browser, a line to the server, files to send, and a look into the folder of finished files.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { chromium } from 'playwright-core';
import { openLine } from './line.mjs';

export const server = need('RESUMED_URL').replace(/\/+$/, '');
const finished = need('RESUMED_FILES');
export const MiB = 1024 * 1024;
export const patience = 60_000;

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}: these tests run against a server that is already there (see README.md).`);
  return value;
}

let shared;

export async function browser() {
  shared ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Without a locale it can't open files whose names are not ASCII.
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  return shared;
}

export async function closeBrowser() {
  await shared?.close();
}

/** One browser profile with its own line, to the server or to what stands before it; it is taken down when the test ends. */
export async function stage(t, { behind = server, ...options } = {}) {
  const line = await openLine(behind);
  const context = await (await browser()).newContext({ baseURL: line.url, ...options });
  const folder = await mkdtemp(path.join(os.tmpdir(), 'resumed-page-'));
  const complaints = [];
  context.on('page', (page) => listen(page, complaints));
  t.after(async () => {
    await context.close();
    line.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { line, context, folder, complaints, open: (address) => openPage(context, address) };
}

async function openPage(context, address) {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(address);
  return page;
}

/** Everything the browser complains about: errors, warnings, violations of the content security policy. */
function listen(page, complaints) {
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('dialog', (dialog) => dialog.accept());
}

/** A cut line and an angry server make the browser itself log lines; nothing else may be there. */
export function quiet(complaints, { butNetwork = false } = {}) {
  const network = /^error: (Failed to load resource|.*\btus: failed to|.*NetworkError)/;
  assert.deepEqual(butNetwork ? complaints.filter((one) => !network.test(one)) : complaints, []);
}

let count = 0;

/** A name that no other test and no earlier run has used: the folder of finished files is not ours to empty. */
export function unique(stem, ext = '.bin') {
  count += 1;
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${count}${ext}`;
}

export async function makeFile(folder, name, size) {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  const body = randomBytes(size);
  await writeFile(file, body);
  await utimes(file, 1_700_000_000, 1_700_000_000);
  return { path: file, name: path.basename(name), size, sha256: createHash('sha256').update(body).digest('hex') };
}

export async function digest(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Waits until the folder of finished files holds each of these under its own name, and compares the bytes. Tells where they lie. */
export async function arrived(...files) {
  const places = [];
  for (const file of files) {
    const found = await until(`${file.name} is in the folder of finished files`, () => find(file));
    assert.equal(await digest(found), file.sha256, `the bytes of ${found}`);
    places.push(path.relative(finished, found));
  }
  return places;
}

async function find(file) {
  // Characters that some file systems refuse become underscores.
  const stored = file.name.replace(/[<>:"|?*\\]/g, '_');
  for (const entry of await readdir(finished, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name !== stored) continue;
    const found = path.join(entry.parentPath ?? entry.path, entry.name);
    if ((await stat(found)).size === file.size) return found;
  }
  return null;
}

/** How many finished files carry this name, those that made room by a number included. */
export async function copies(file) {
  const { name, ext } = path.parse(file.name);
  const entries = await readdir(finished, { recursive: true });
  return entries.filter((entry) => path.basename(entry).startsWith(name) && entry.endsWith(ext)).length;
}

export async function until(what, look, limit = patience) {
  const end = Date.now() + limit;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited ${limit / 1000} s in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Gives files to either page, and tells Uppy to send them: once it was told, it sends what follows by itself. */
export async function addTo(page, ...files) {
  const paths = files.map((file) => file.path);
  const dashboard = page.locator('#dashboard');
  const begun = await page.locator('#transfers').isVisible();
  if (await page.locator('#zone').count()) return page.locator('#files').setInputFiles(paths);
  // Once a file is in the list, the Dashboard has its input behind "Add more".
  await dashboard.locator('.uppy-Dashboard-browse, .uppy-DashboardContent-addMore').first().waitFor();
  if (await dashboard.locator('.uppy-Dashboard-browse').count() === 0) await dashboard.locator('.uppy-DashboardContent-addMore').click();
  await dashboard.locator('input.uppy-Dashboard-input:not([webkitdirectory])').first().setInputFiles(paths);
  if (!begun) await dashboard.locator('.uppy-StatusBar-actionBtn--upload').click();
}

/** Lets go of a file or a folder over a place of the page. */
export async function dropOn(page, place, what) {
  const devtools = await page.context().newCDPSession(page);
  const box = await page.locator(place).first().boundingBox();
  const where = { x: box.x + Math.min(box.width / 2, 40), y: box.y + 10 };
  const data = { items: [], files: [what], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await devtools.send('Input.dispatchDragEvent', { type, ...where, data });
}

/** Has the server say other things about itself than it does. */
export async function told(context, changes) {
  await context.route('**/config.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });
}

/** Keeps from the page what the server says about itself, until the answer of this is called. */
export async function holdConfig(context) {
  let letGo;
  const released = new Promise((done) => (letGo = done));
  await context.route('**/config.json', async (route) => {
    await released;
    await route.continue();
  });
  return letGo;
}

/** Keeps from the page what an earlier session wrote down, until `letGo`: on a slow machine that takes its time too. */
export async function holdRecord(context) {
  await context.addInitScript(() => {
    const released = new Promise((letGo) => Object.assign(window, { letGo }));
    const get = IDBObjectStore.prototype.get;
    IDBObjectStore.prototype.get = function (...query) {
      const request = get.apply(this, query);
      const late = (heard) => request.addEventListener('success', (event) => released.then(() => heard(event)));
      Object.defineProperty(request, 'onsuccess', { set: late });
      return request;
    };
  });
}

export async function letGo(page) {
  await page.evaluate(() => window.letGo());
}

/** What the pages wrote down for the next session: the files of each, and which of them the browser keeps. */
export async function record(page) {
  const [sessions, kept] = await page.evaluate(async () => {
    const answer = (request) => new Promise((done, failed) => Object.assign(request, { onsuccess: () => done(request.result), onerror: failed }));
    const db = await answer(indexedDB.open('uppy-blobs'));
    const all = (store) => answer(db.transaction([store]).objectStore(store).getAll());
    const found = [await all('metadata'), (await all('files')).map((one) => one.fileID)];
    db.close();
    return found;
  });
  return sessions.flatMap(({ metadata }) => Object.values(JSON.parse(metadata).files)).map((file) => ({ ...file, kept: kept.includes(file.id) }));
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What a checker of accessibility finds: contrast, names, roles. */
export async function check(page, when) {
  await page.waitForTimeout(600); // Uppy fades its panels in; half faded text has no contrast
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const found = violations.map(({ id, nodes }) => `${when}: ${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  assert.deepEqual(found, []);
}

/** Both pages draw their transfers with the same list. */
export function row(page, file) {
  return page.locator('#rows .row').filter({ has: page.locator('.row-name', { hasText: file.name }) });
}

export async function reaches(page, file, state) {
  await row(page, file).and(page.locator(`[data-state="${state}"]`)).waitFor({ timeout: patience });
}

/** The share in percent that the row shows. */
export async function share(page, file) {
  return row(page, file).locator('progress').evaluate((bar) => bar.value);
}

export async function passes(page, file, percent) {
  await until(`${file.name} has passed ${percent} %`, async () => (await share(page, file)) > percent);
}

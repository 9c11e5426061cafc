// Pages on another origin, with stock Uppy and stock Resumable.js: every answer has to carry its CORS headers.
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { arrived, closeBrowser, makeFile, MiB, patience, quiet, stage, unique } from './stage.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
let elsewhere;
let origin;

before(async () => {
  const uppy = await esbuild.build({
    stdin: {
      resolveDir: root,
      contents: "import Uppy from '@uppy/core'; import Dashboard from '@uppy/dashboard'; import Tus from '@uppy/tus'; Object.assign(window, { Uppy, Dashboard, Tus });",
    },
    bundle: true,
    write: false,
    format: 'iife',
  });
  const scripts = { '/uppy.js': uppy.outputFiles[0].text, '/resumable.js': await readFile(path.join(root, 'node_modules/resumablejs/resumable.js')) };
  elsewhere = http.createServer((request, response) => {
    const script = scripts[request.url];
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(script ?? '<!doctype html><title>elsewhere</title><link rel="icon" href="data:,"><input type="file">');
  });
  await new Promise((ready) => elsewhere.listen(0, '127.0.0.1', ready));
  origin = `http://127.0.0.1:${elsewhere.address().port}`;
});

after(async () => {
  elsewhere?.close();
  await closeBrowser();
});

test('stock Uppy on another origin uploads, and resumes after its connection was cut', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open(origin);
  await page.addScriptTag({ url: `${origin}/uppy.js` });
  const file = await makeFile(folder, unique('foreign-tus'), 16 * MiB);
  const described = [];
  page.on('request', (request) => described.push(request.headers()['upload-metadata'] ?? ''));
  await page.evaluate((endpoint) => {
    window.uppy = new Uppy().use(Dashboard, { inline: true, target: 'body' }).use(Tus, { endpoint, retryDelays: [0, 500, 500, 1000, 1000, 3000] });
    uppy.on('upload-progress', (_, progress) => (window.sent = progress.bytesUploaded));
  }, `${line.url}/files/`);
  await page.locator('.uppy-Dashboard-input').first().setInputFiles(file.path);
  line.slow(8 * MiB);
  await page.evaluate(() => {
    window.result = uppy.upload();
  });
  await page.waitForFunction(() => window.sent > 4 * 1024 * 1024, null, { timeout: patience });
  line.cut();
  line.mend();
  line.fast();
  const failed = await page.evaluate(async () => (await window.result).failed.map((one) => one.error));
  if (failed.length > 0) throw new Error(failed.join('\n'));
  // Stock Uppy says that the path of a file outside of folders is "null". It is none.
  assert.ok(described.some((text) => text.includes(`relativePath ${btoa('null')}`)), described.join('\n'));
  assert.deepEqual(await arrived(file), [file.name]);
  quiet(complaints, { butNetwork: true });
});

test('stock Resumable.js on another origin uploads, and finds its chunks again', async (t) => {
  const { open, folder, line, complaints } = await stage(t);
  const page = await open(origin);
  await page.addScriptTag({ url: `${origin}/resumable.js` });
  const file = await makeFile(folder, unique('foreign-chunks'), 5 * MiB + 3);
  await page.locator('input').setInputFiles(file.path);
  const send = (target) =>
    new Promise((done, failed) => {
      const resumable = new Resumable({ target });
      resumable.on('filesAdded', () => resumable.upload());
      resumable.on('complete', done);
      resumable.on('error', (message) => failed(new Error(message)));
      resumable.addFile(document.querySelector('input').files[0]);
    });
  await page.evaluate(send, `${line.url}/resumable_upload`);
  await arrived(file);
  const before = line.sent();
  await page.evaluate(send, `${line.url}/resumable_upload`);
  if (line.sent() - before > MiB) throw new Error(`the second time sent ${line.sent() - before} bytes`);
  quiet(complaints);
});

// Proxies that are in the way of resuming, and lines that only look like one.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openProxy } from './proxy.mjs';
import { addTo, arrived, closeBrowser, digest, makeFile, MiB, passes, quiet, reaches, row, server, stage, unique, until } from './stage.mjs';

after(closeBrowser);

const asked = (proxy) => proxy.seen.filter(({ method }) => method === 'HEAD').length;
const patches = (proxy, after = 0) => proxy.seen.slice(after).filter(({ method }) => method === 'PATCH');

test('a proxy that keeps requests back is noticed, and what comes next is sent in pieces', async (t) => {
  const proxy = await openProxy(t, server, { keep: true });
  const { open, folder, line, complaints } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('kept-back'), 40 * MiB);
  line.slow(3 * MiB);
  await addTo(page, file);
  await page.locator('#notice').getByText('A proxy in front of the server keeps each file back until it is whole').waitFor();
  await page.locator('#notice').getByText('switch its request buffering off').waitFor();
  line.fast();
  await reaches(page, file, 'done');
  await arrived(file);
  const before = proxy.seen.length;
  const next = await makeFile(folder, unique('in-pieces'), 20 * MiB);
  await addTo(page, next);
  await reaches(page, next, 'done');
  assert.deepEqual(patches(proxy, before).map(({ length }) => length), [8 * MiB, 8 * MiB, 4 * MiB]);
  await arrived(next);
  quiet(complaints);
});

test('a slow line without such a proxy is asked about once, and found sound', async (t) => {
  const proxy = await openProxy(t, server, {});
  const { open, folder, line, complaints } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const files = [await makeFile(folder, unique('slow'), 30 * MiB), await makeFile(folder, unique('slower'), 30 * MiB)];
  line.slow(3 * MiB);
  await addTo(page, ...files);
  await passes(page, files[0], 85);
  assert.equal(asked(proxy), 1);
  assert.equal(await page.locator('#notice').isVisible(), false);
  line.fast();
  for (const file of files) await reaches(page, file, 'done');
  assert.equal(asked(proxy), 1);
  assert.equal(patches(proxy).length, 2, 'asking for the offset broke no upload');
  await arrived(...files);
  quiet(complaints);
});

test('a line that dies under an upload, while others get through, is no such proxy', async (t) => {
  const proxy = await openProxy(t, server, { swallow: 6 * MiB });
  const { open, folder, line } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('dead'), 64 * MiB);
  line.slow(1.5 * MiB);
  await addTo(page, file);
  await until('the page has asked for the offset', () => asked(proxy) > 0);
  line.fast(); // what is left of the buffers fills at once, and then nothing moves any more
  await until('nothing moves any more', async () => {
    const before = line.sent();
    await page.waitForTimeout(4000);
    return line.sent() === before;
  });
  assert.equal(await page.locator('#notice').isVisible(), false);
});

test('a proxy that refuses large requests gets small ones', async (t) => {
  const proxy = await openProxy(t, server, { most: MiB });
  const { open, folder, complaints } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('capped'), 3 * MiB);
  await addTo(page, file);
  await reaches(page, file, 'done');
  await page.locator('#notice').getByText('refuses large requests, so files are now sent in pieces of 512').waitFor();
  await arrived(file);
  quiet(complaints, { butNetwork: true });
});

test('a gateway that fails when asked for the offset does not make the upload start again', async (t) => {
  let broken = 0;
  const proxy = await openProxy(t, server, { answer: (request) => (request.method === 'HEAD' && broken++ < 2 ? 502 : undefined) });
  const { open, folder, line } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('gateway'), 24 * MiB);
  line.slow(6 * MiB);
  await addTo(page, file);
  await passes(page, file, 40);
  line.cut();
  await row(page, file).getByText('The server cannot be reached.').waitFor();
  line.mend();
  await row(page, file).getByText('The server has a problem. It is tried again by itself.').waitFor();
  line.fast();
  await reaches(page, file, 'done');
  assert.equal(proxy.seen.filter(({ method }) => method === 'POST').length, 1);
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
});

for (const address of ['/media/', '/media/resumable.html']) {
  test(`${address}: a proxy that puts a path in front of everything`, async (t) => {
    const proxy = await openProxy(t, server, { prefix: '/media' });
    const { open, folder, complaints } = await stage(t, { behind: proxy.url });
    const page = await open(address);
    const file = await makeFile(folder, unique('prefixed'), 9 * MiB);
    await addTo(page, file);
    await reaches(page, file, 'done');
    await arrived(file);
    const download = page.waitForEvent('download');
    await row(page, file).getByRole('link', { name: `Download ${file.name}` }).click();
    assert.equal(await digest(await (await download).path()), file.sha256);
    quiet(complaints);
  });
}

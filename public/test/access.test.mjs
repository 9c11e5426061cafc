// A server that asks for an access token.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openProxy } from './proxy.mjs';
import { addTo, arrived, check, closeBrowser, digest, makeFile, MiB, passes, quiet, reaches, row, server, stage, unique } from './stage.mjs';

after(closeBrowser);

for (const address of ['/', '/resumable.html']) {
  test(`${address} asks for the token, says that it was wrong, and sends it with everything`, async (t) => {
    const proxy = await openProxy(t, server, { token: () => 'open-sesame' });
    const { open, folder, complaints } = await stage(t, { behind: proxy.url });
    const page = await open(address);
    const file = await makeFile(folder, unique('guarded'), 3 * MiB);
    await addTo(page, file);
    await page.getByRole('heading', { name: 'This server asks for an access token' }).waitFor();
    assert.equal(await page.locator('#token').evaluate((input) => input === document.activeElement), true);
    assert.equal(await page.locator('#token').getAttribute('type'), 'password');
    await row(page, file).getByText('It waits for the access token.').waitFor();
    await check(page, 'asking for the token');

    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The server did not accept this token.').waitFor();
    await page.keyboard.type('no spaces here');
    await page.keyboard.press('Enter');
    await page.getByText('A token has no spaces').waitFor();
    await page.locator('#token').fill('open-sesame');
    await page.keyboard.press('Enter');

    await reaches(page, file, 'done');
    await page.locator('#access').waitFor({ state: 'hidden' });
    await arrived(file);
    const download = page.waitForEvent('download');
    await row(page, file).getByRole('link', { name: `Download ${file.name}` }).click();
    assert.deepEqual([(await download).suggestedFilename(), await digest(await (await download).path())], [file.name, file.sha256]);
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('open-sesame')), false);
    assert.equal(await page.evaluate(() => document.cookie), '');

    // The tab knows it after a reload; another tab does not.
    await page.reload();
    const next = await makeFile(folder, unique('guarded-next'), 1000);
    const before = proxy.seen.length;
    await addTo(page, next);
    await reaches(page, next, 'done');
    const later = proxy.seen.slice(before).filter(({ url }) => /^\/(files|resumable_upload)/.test(url));
    assert.ok(later.length > 0 && later.every(({ authorization }) => authorization === 'Bearer open-sesame'));
    const other = await open(address);
    assert.equal(await other.evaluate(() => sessionStorage.getItem('resumed.token')), null);
    quiet(complaints, { butNetwork: true });
  });
}

test('a token that ends in mid upload costs nothing that was stored', async (t) => {
  let token = 'first';
  const proxy = await openProxy(t, server, { token: () => token });
  const { open, folder, line } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('renewed'), 24 * MiB);
  await page.evaluate(() => sessionStorage.setItem('resumed.token', 'first'));
  await page.reload();
  line.slow(4 * MiB);
  await addTo(page, file);
  await passes(page, file, 40);
  token = 'second';
  line.cut();
  await row(page, file).getByText('The server cannot be reached.').waitFor();
  line.mend();
  await page.getByText('The server did not accept this token.').waitFor();
  line.fast();
  await page.locator('#token').fill('second');
  await page.getByRole('button', { name: 'Go on', exact: true }).click();
  await reaches(page, file, 'done');
  assert.equal(proxy.seen.filter(({ method, authorization }) => method === 'POST' && authorization).length, 1, 'one upload, never begun anew');
  assert.ok(line.sent() < 36 * MiB, `nothing was sent from the start again: ${line.sent()} bytes for ${file.size}`);
  await arrived(file);
});

test('paused while the page waits for the token: only Resume goes on', async (t) => {
  const proxy = await openProxy(t, server, { token: () => 'open-sesame' });
  const { open, folder } = await stage(t, { behind: proxy.url });
  const page = await open('/');
  const file = await makeFile(folder, unique('held'), 1000);
  await addTo(page, file);
  await row(page, file).getByText('It waits for the access token.').waitFor();
  await row(page, file).getByRole('button', { name: `Pause ${file.name}` }).click();
  await page.locator('#token').fill('open-sesame');
  await page.keyboard.press('Enter');
  await page.locator('#access').waitFor({ state: 'hidden' });
  await page.waitForTimeout(1000);
  assert.equal(proxy.seen.filter(({ authorization }) => authorization).length, 0);
  await row(page, file).getByRole('button', { name: `Resume ${file.name}` }).click();
  await reaches(page, file, 'done');
  assert.equal(proxy.seen.filter(({ method, authorization }) => method === 'POST' && authorization).length, 1);
  await arrived(file);
});

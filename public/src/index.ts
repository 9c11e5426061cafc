// The main page: Uppy's Dashboard over tus.
import '@uppy/core/css/style.min.css';
import '@uppy/dashboard/css/style.min.css';
import './styles/base.css';
import './styles/rows.css';
import './styles/dashboard.css';
import { sayFailed, sayFinished } from './shared/announce.ts';
import { loadConfig } from './shared/config.ts';
import { pathOf } from './shared/drop.ts';
import { frame, guardLeaving, inbox, notice, some, takeDrops } from './shared/frame.ts';
import { plain } from './shared/names.ts';
import { takeSeat } from './uppy/seat.ts';
import type { Doings } from './uppy/traffic.ts';
import { Transfers } from './uppy/transfers.ts';
import { makeUploader } from './uppy/uploader.ts';

const dropped = inbox<File[]>();
takeDrops(dropped.put);
const [config, seat] = await Promise.all([loadConfig(), takeSeat()]);
frame(config);

const doings: Doings = { started: new Set(), waiting: new Map() };
let transfers: Transfers | undefined;
const uppy = makeUploader(config, seat, doings, () => transfers?.soon());
transfers = new Transfers(uppy, config, doings);
const list = transfers;
guardLeaving(() => list.busy);

// Data that moves ends the waiting.
const lastSeen = new Map<string, number>();
uppy.on('upload-progress', (file, progress) => {
  const before = file ? (lastSeen.get(file.id) ?? 0) : 0;
  if (!file || progress.bytesUploaded <= before) return;
  lastSeen.set(file.id, progress.bytesUploaded);
  doings.waiting.delete(file.id);
});

uppy.on('upload-success', (file) => {
  if (!file) return;
  forget(file.id);
  sayFinished(file.name ?? '');
  settle();
});
uppy.on('upload-error', (file, error) => {
  if (!file) return;
  forget(file.id);
  sayFailed(file.name ?? '', error.message);
  // For Uppy a failed file is still under way, and its bar would not say that all the others are paused.
  if (uppy.getState().files[file.id]) uppy.setFileState(file.id, { isPaused: true });
  settle();
});
uppy.on('complete', settle);
uppy.on('file-removed', (file) => {
  forget(file.id);
  settle();
});

// One failed file is no failed upload: the bar keeps showing the others, and says so when they are through.
function settle(): void {
  const failed = list.busy ? undefined : uppy.getFiles().find((file) => file.error);
  const error = failed?.error ?? null;
  if (uppy.getState().error !== error) uppy.setState({ error });
  if (!list.busy) notice('session', '');
}

// What is not taken into the list: too large, or there already.
let unfit: string[] = [];
uppy.on('restriction-failed', (_file, error) => {
  if (unfit.push(plain(error.message)) > 1) return;
  queueMicrotask(() => {
    notice('files', `${some(unfit, '; ')}.`);
    unfit = [];
  });
});
uppy.on('files-added', () => {
  notice('files', '');
  // Who has pressed Upload once means the files that follow too; those of a restored session wait for the word.
  if (uppy.getState().recoveredState === null && list.begun) uppy.upload().catch(() => {}); // each file tells its own error
});

dropped.open((files) => {
  uppy.addFiles(
    files.map((file) => {
      const relativePath = pathOf(file);
      return { source: 'page', name: file.name, type: file.type, data: file, meta: relativePath.includes('/') ? { relativePath } : {} };
    }),
  );
});

function forget(id: string): void {
  doings.started.delete(id);
  doings.waiting.delete(id);
  lastSeen.delete(id);
}

// Uppy names one file alone a list item but leaves out the list, and a screen reader then leaves out both.
new MutationObserver(() => {
  for (const files of document.querySelectorAll('.uppy-Dashboard-files:not([role])')) files.setAttribute('role', 'list');
}).observe(document.querySelector('#dashboard')!, { childList: true, subtree: true });

window.addEventListener('offline', () => list.busy && notice('connection', 'You are offline. The uploads go on when the connection is back.'));
window.addEventListener('online', () => notice('connection', ''));

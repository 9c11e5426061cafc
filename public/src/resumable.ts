// The page of the replaced program: Resumable.js, with a list of our own.
import './styles/base.css';
import './styles/rows.css';
import './styles/resumable.css';
import { sayFailed, sayFinished } from './shared/announce.ts';
import { loadConfig } from './shared/config.ts';
import { bytes } from './shared/format.ts';
import { byId, frame, guardLeaving, inbox, notice, some, takeDrops } from './shared/frame.ts';
import { Meter } from './shared/meter.ts';
import { plain } from './shared/names.ts';
import { type Action, actions, Rows, summary } from './shared/rows.ts';
import { Queue } from './resumable/queue.ts';
import { showUnfinished } from './resumable/reminder.ts';
import { forget, remember } from './resumable/unfinished.ts';

// The buttons are there at once, so they work at once.
const chosen = inbox<File[]>();
takeDrops(chosen.put);
for (const kind of ['files', 'folder'] as const) {
  const input = byId<HTMLInputElement>(kind);
  const button = byId(`choose-${kind}`);
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    chosen.put([...(input.files ?? [])]);
    input.value = '';
  });
  if (kind === 'folder' && !('webkitdirectory' in input)) button.hidden = true;
}

const config = await loadConfig();
frame(config);

const rows = new Rows(byId('rows'), byId('more'), act, [...actions]);
const total = new Meter();
const overall = byId<HTMLProgressElement>('overall');
let timer: number | undefined;

const queue = new Queue(config, {
  changed: soon,
  added(transfers, skipped) {
    remember(transfers.map(({ id, source }) => ({ id, name: source.relativePath, size: source.size, at: Date.now() })));
    notice('files', skipped.length > 0 ? `Already in the list: ${some(skipped.map(plain))}` : '');
    soon();
  },
  finished(transfer) {
    forget(transfer.id);
    sayFinished(transfer.source.fileName);
  },
  failed(transfer) {
    sayFailed(transfer.source.fileName, transfer.note);
  },
});

function act(action: Action, id: string): void {
  const transfer = queue.transfers.find((one) => one.id === id);
  if (!transfer) return;
  if (action === 'cancel') {
    queue.remove(transfer);
    forget(id);
  } else {
    queue[action](transfer);
  }
  show();
}

function soon(): void {
  timer ??= window.setTimeout(show, 250);
}

function show(): void {
  window.clearTimeout(timer);
  timer = undefined;
  const views = queue.transfers.map((transfer) => transfer.view());
  const open = views.filter((view) => view.state !== 'done' && view.state !== 'failed');
  const going = views.filter((view) => view.state !== 'failed');
  const size = going.reduce((sum, view) => sum + view.size, 0);
  const sent = going.reduce((sum, view) => sum + view.done, 0);
  if (views.some((view) => view.state === 'uploading')) total.look(sent);
  else total.reset();
  byId('transfers').hidden = views.length === 0;
  byId('summary').textContent = summary(views, total.speed);
  overall.value = size > 0 ? (sent / size) * 100 : open.length > 0 ? 0 : 100;
  overall.hidden = going.length === 0;
  overall.parentElement!.dataset.state = open.length === 0 ? 'done' : 'open';
  byId('pause-all').hidden = open.length < 2 || !open.some((view) => view.state !== 'paused');
  byId('resume-all').hidden = open.length < 2 || !byId('pause-all').hidden;
  byId('clear').hidden = !views.some((view) => view.state === 'done');
  // What is finished makes room for what is not, in lists that are longer than a screen.
  rows.show(views.length > 100 ? [...views.filter((view) => view.state !== 'done'), ...views.filter((view) => view.state === 'done')] : views);
  showUnfinished(queue.transfers.map((transfer) => transfer.id));
  if (open.length > 0) timer = window.setTimeout(show, 1000);
}

byId('pause-all').addEventListener('click', () => {
  for (const transfer of queue.transfers) if (transfer.end === 'open') queue.pause(transfer);
  show();
  byId('resume-all').focus();
});
byId('resume-all').addEventListener('click', () => {
  for (const transfer of queue.transfers) if (transfer.wish === 'pause') queue.resume(transfer);
  show();
  byId('pause-all').focus();
});
byId('clear').addEventListener('click', () => {
  for (const transfer of queue.transfers) if (transfer.end === 'done') queue.remove(transfer);
  show();
  byId('choose-files').focus();
});

function add(files: File[]): void {
  const fitting = files.filter((file) => config.maxSize === null || file.size <= config.maxSize);
  queue.add(fitting);
  const tooLarge = files.filter((file) => !fitting.includes(file)).map((file) => file.name);
  if (tooLarge.length > 0) notice('files', `Larger than the ${bytes(config.maxSize ?? 0)} this server takes: ${some(tooLarge.map(plain))}`);
}

if (config.resumableEndpoint === null) {
  byId('zone').hidden = true;
  notice('server', 'This server takes no uploads in chunks. Use the page "Upload" instead.');
} else {
  chosen.open(add);
  showUnfinished([]);
}
guardLeaving(() => queue.busy);
window.addEventListener('offline', () => queue.busy && notice('connection', 'You are offline. The uploads go on when the connection is back.'));
window.addEventListener('online', () => notice('connection', ''));

// The list below the Dashboard: what is on its way, with speed and time left, what failed and why, what is finished.
import { type Config, sameOrigin } from '../shared/config.ts';
import { byId } from '../shared/frame.ts';
import { Meter } from '../shared/meter.ts';
import { type Action, actions, Rows, type State, summary, type View } from '../shared/rows.ts';
import type { Doings } from './traffic.ts';
import type { File, Uploader } from './uploader.ts';

const order: State[] = ['failed', 'retrying', 'uploading', 'paused', 'waiting', 'done'];

export class Transfers {
  #rows = new Rows(byId('rows'), byId('more'), (action, id) => this.#act(action, id), [...actions]);
  #meters = new Map<string, Meter>();
  #total = new Meter();
  #timer: number | undefined;

  constructor(
    private uppy: Uploader,
    private config: Config,
    private doings: Doings,
  ) {
    uppy.on('state-update', () => this.soon());
    window.setInterval(() => this.busy && this.soon(), 1000); // a stalled upload has to show it
    byId('pause-all').addEventListener('click', () => this.#all(true));
    byId('resume-all').addEventListener('click', () => this.#all(false));
    byId('clear').addEventListener('click', () => {
      uppy.removeFiles(uppy.getFiles().filter((file) => this.#state(file) === 'done').map((file) => file.id));
      this.#show();
    });
  }

  get busy(): boolean {
    return this.uppy.getFiles().some((file) => started(file) && !file.progress.uploadComplete && !file.error && !file.isGhost);
  }

  get begun(): boolean {
    return this.uppy.getFiles().some(started);
  }

  soon(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, 250);
  }

  #show(): void {
    const recovering = this.uppy.getState().recoveredState !== null;
    const files = this.uppy.getFiles().filter((file) => started(file) && !recovering);
    const views = files.map((file) => this.#view(file));
    const sent = views.reduce((sum, view) => sum + view.done, 0);
    if (views.some((view) => view.state === 'uploading')) this.#total.look(sent);
    else this.#total.reset();
    byId('transfers').hidden = views.length === 0;
    byId('summary').textContent = summary(views, this.#total.speed);
    const open = views.filter((view) => view.state !== 'done' && view.state !== 'failed');
    byId('pause-all').hidden = open.length < 2 || !open.some((view) => view.state !== 'paused');
    byId('resume-all').hidden = open.length < 2 || !byId('pause-all').hidden;
    // Once all are finished, the Dashboard has a button for it.
    const finished = views.filter((view) => view.state === 'done').length;
    byId('clear').hidden = finished === 0 || finished === views.length;
    // In a list that is longer than the page, what moves comes before what is over or queues.
    if (views.length > 100) views.sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
    this.#rows.show(views);
    this.#fold(views.length > 0 && views.length === this.uppy.getFiles().length);
  }

  /** Once every file has its row here, the Dashboard's own list of them would only say it twice. */
  #fold(on: boolean): void {
    const dashboard = byId('dashboard');
    if (dashboard.classList.contains('folded') === on) return;
    dashboard.classList.toggle('folded', on);
    window.dispatchEvent(new Event('resize')); // its list measures itself only then
  }

  #act(action: Action, id: string): void {
    if (action === 'retry') void this.uppy.retryUpload(id);
    else if (action === 'cancel') this.uppy.removeFile(id);
    else this.#pause(id, action === 'pause');
    this.#show();
  }

  #pause(id: string, on: boolean): void {
    const file = this.uppy.getFile(id);
    if (!file || Boolean('isPaused' in file && file.isPaused) === on) return;
    this.uppy.pauseResume(id);
    if (on) this.doings.waiting.delete(id);
  }

  #all(pause: boolean): void {
    for (const file of this.uppy.getFiles()) if (started(file) && !file.error && !file.progress.uploadComplete) this.#pause(file.id, pause);
    this.#show();
    byId(pause ? 'resume-all' : 'pause-all').focus();
  }

  #view(file: File): View {
    const done = Number(file.progress.bytesUploaded) || 0;
    const state = this.#state(file);
    let meter = this.#meters.get(file.id);
    if (!meter) this.#meters.set(file.id, (meter = new Meter()));
    if (state === 'uploading') meter.look(done);
    else meter.reset();
    return {
      id: file.id,
      name: file.meta.relativePath ?? file.name ?? '',
      size: file.size ?? 0,
      done: state === 'done' ? (file.size ?? 0) : done,
      state,
      speed: meter.speed,
      note: state === 'failed' ? (file.error ?? '') : (this.doings.waiting.get(file.id) ?? ''),
      link: state === 'done' && this.config.downloads && file.uploadURL ? sameOrigin(file.uploadURL) : null,
    };
  }

  #state(file: File): State {
    if (file.error) return 'failed';
    if (file.progress.uploadComplete) return 'done';
    if ('isPaused' in file && file.isPaused) return 'paused';
    if (this.doings.waiting.has(file.id)) return 'retrying';
    return this.doings.started.has(file.id) ? 'uploading' : 'waiting';
  }
}

function started(file: File): boolean {
  return Boolean(file.progress.uploadStarted);
}

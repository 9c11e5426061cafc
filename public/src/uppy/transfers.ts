// The list below the Dashboard: what is on its way, with speed and time left, what failed and why, what is finished.
import { type Config, sameOrigin } from '../shared/config.ts';
import { byId } from '../shared/frame.ts';
import { Meter } from '../shared/meter.ts';
import { Rows, type State, summary, type View } from '../shared/rows.ts';
import type { Doings, File, Uploader } from './uploader.ts';

const order: State[] = ['failed', 'retrying', 'uploading', 'paused', 'done', 'waiting'];

export class Transfers {
  // The Dashboard has the other buttons. It has no Retry for a file that failed before its first byte.
  #rows = new Rows(byId('rows'), byId('more'), (_action, id) => void this.uppy.retryUpload(id), ['retry']);
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
  }

  get busy(): boolean {
    return this.uppy.getFiles().some((file) => started(file) && !file.progress.uploadComplete && !file.error && !file.isGhost);
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
    // Files that still queue are in the Dashboard; here they would push out of sight what moves.
    const shown = views.filter((view) => view.state !== 'waiting');
    this.#rows.show(shown.sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state)));
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

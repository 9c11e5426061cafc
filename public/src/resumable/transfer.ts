// One file on the Resumable.js page: what the library knows of it, and what the page decided.
import { Meter } from '../shared/meter.ts';
import type { State, View } from '../shared/rows.ts';
import type { Chunk, Source } from './library.ts';

export class Transfer {
  /** The library empties its own list when a file fails; this one keeps the chunk that tells why. */
  chunks: Chunk[] = [];
  meter = new Meter();
  /** What the person wants. */
  wish: 'go' | 'pause' | 'gone' = 'go';
  end: 'open' | 'done' | 'failed' = 'open';
  /** Why it waits to go on by itself, or why it failed. */
  note = '';
  /** Why the library tries a chunk again. */
  hint = '';
  /** Set while the page waits to try a failed file again. */
  timer: number | undefined;
  tries = 0;
  link: string | null = null;

  constructor(readonly source: Source) {}

  get id(): string {
    return this.source.uniqueIdentifier;
  }

  get done(): number {
    if (this.end === 'done') return this.source.size;
    return this.chunks.reduce((sum, chunk) => sum + sent(chunk), 0);
  }

  get state(): State {
    if (this.end !== 'open') return this.end;
    if (this.wish === 'pause') return 'paused';
    if (this.note !== '' || this.chunks.some((chunk) => chunk.pendingRetry)) return 'retrying';
    return this.uploading > 0 ? 'uploading' : 'waiting';
  }

  get uploading(): number {
    return this.chunks.filter((chunk) => chunk.status() === 'uploading').length;
  }

  /** Stops what is on the wire, also for a file that the library has let go of. */
  stop(): void {
    for (const chunk of this.chunks) if (chunk.status() === 'uploading') chunk.abort();
  }

  view(): View {
    const done = this.done;
    const state = this.state;
    if (state === 'uploading') this.meter.look(done);
    else this.meter.reset();
    return {
      id: this.id,
      name: this.source.relativePath,
      size: this.source.size,
      done,
      state,
      speed: this.meter.speed,
      note: this.note || (state === 'retrying' ? this.hint : ''),
      link: this.link,
    };
  }
}

function sent(chunk: Chunk): number {
  const size = chunk.endByte - chunk.startByte;
  switch (chunk.status()) {
    case 'success':
      return size;
    case 'uploading':
      // `loaded` counts the form around the data too.
      return chunk.xhr && chunk.tested ? Math.min(chunk.loaded || 0, size) : 0;
    default:
      return 0;
  }
}

// Resumable.js with the patience that it lacks: its own retries are over after half a minute, a pause of one file can
// leave the others without a free place, and a passing fault of the server ends a file. Here a file fails for good only
// when the server says so.
import { allowed, authorization, currentToken, fetchAllowed, isAsking, refused, wantsToken } from '../shared/access.ts';
import { type Config, sameOrigin } from '../shared/config.ts';
import { explain, whileWaiting } from '../shared/errors.ts';
import { identifier } from './identifier.ts';
import { type Chunk, type Library, makeLibrary, type Source } from './library.ts';
import { Transfer } from './transfer.ts';

const simultaneous = 4;
const longestWait = 30_000;

export interface Hearer {
  changed(): void;
  added(transfers: Transfer[], skipped: string[]): void;
  finished(transfer: Transfer): void;
  failed(transfer: Transfer): void;
}

export class Queue {
  transfers: Transfer[] = [];
  #library: Library;
  #endpoint: string;
  /** The access token that a chunk was last sent with. */
  #tokens = new WeakMap<Chunk, string | null>();

  constructor(
    private config: Config,
    private hearer: Hearer,
  ) {
    this.#endpoint = config.resumableEndpoint ?? '';
    this.#library = makeLibrary({
      target: this.#endpoint,
      chunkSize: config.chunkSize,
      simultaneousUploads: simultaneous,
      testChunks: true,
      maxChunkRetries: 6,
      chunkRetryInterval: 4000,
      permanentErrors: [400, 401, 403, 404, 409, 413, 415, 500, 501],
      minFileSize: 0,
      generateUniqueIdentifier: identifier,
      headers: (_source: Source, chunk: Chunk) => {
        this.#tokens.set(chunk, currentToken());
        return authorization();
      },
    });
    this.#listen();
    window.addEventListener('offline', () => this.#offline());
    window.addEventListener('online', () => this.#online());
  }

  get busy(): boolean {
    return this.transfers.some((transfer) => transfer.end === 'open');
  }

  add(files: File[]): void {
    if (files.length > 0) this.#library.addFiles(files);
  }

  pause(transfer: Transfer): void {
    transfer.wish = 'pause';
    window.clearTimeout(transfer.timer);
    transfer.source.pause(true);
    transfer.stop();
    this.#fill();
  }

  resume(transfer: Transfer): void {
    transfer.wish = 'go';
    transfer.source.pause(false);
    if (transfer.end === 'open' && transfer.note !== '') this.#again(transfer);
    this.#fill();
  }

  retry(transfer: Transfer): void {
    transfer.end = 'open';
    transfer.tries = 0;
    this.#again(transfer);
  }

  remove(transfer: Transfer): void {
    transfer.wish = 'gone';
    window.clearTimeout(transfer.timer);
    transfer.stop();
    transfer.source.cancel();
    this.transfers = this.transfers.filter((other) => other !== transfer);
    this.#fill();
  }

  #listen(): void {
    const library = this.#library;
    library.on('filesAdded', (sources, skipped) => {
      const added = sources.map((source) => new Transfer(source));
      for (const transfer of added) transfer.chunks = transfer.source.chunks;
      this.transfers.push(...added);
      this.hearer.added(added, skipped.map((file) => file.name));
      this.#fill();
    });
    library.on('chunkingComplete', (source) => {
      const transfer = this.#of(source);
      if (!transfer) return;
      transfer.chunks = source.chunks;
      this.#fill();
    });
    library.on('fileProgress', (source) => {
      const transfer = this.#of(source);
      // A retry that was already waiting when the file was paused or removed starts all the same: stop it again.
      if (!transfer || transfer.wish !== 'go') queueMicrotask(() => (transfer ? transfer.stop() : source.abort()));
      this.hearer.changed();
    });
    library.on('fileRetry', (source) => {
      // Why, the library has thrown away by now.
      const transfer = this.#of(source);
      if (transfer) transfer.hint = whileWaiting({ text: 'A chunk did not get through.', passing: true });
      this.hearer.changed();
    });
    library.on('fileSuccess', (source) => void this.#finished(source));
    library.on('fileError', (source) => this.#failed(source));
  }

  #of(source: Source): Transfer | undefined {
    return this.transfers.find((transfer) => transfer.source === source);
  }

  /** Keeps as many chunks on their way as there are places. */
  #fill(): void {
    let places = simultaneous - this.transfers.reduce((sum, transfer) => sum + transfer.uploading, 0);
    while (places > 0 && navigator.onLine && !isAsking() && this.#library.uploadNextChunk()) places -= 1;
    this.hearer.changed();
  }

  async #finished(source: Source): Promise<void> {
    const transfer = this.#of(source);
    if (!transfer || transfer.end === 'done') return;
    transfer.end = 'done';
    transfer.note = '';
    this.hearer.finished(transfer);
    transfer.link = this.config.downloads ? await this.#address(transfer) : null;
    this.hearer.changed();
  }

  /** The server may name the place of a finished file when it is asked about the whole upload. */
  async #address(transfer: Transfer): Promise<string | null> {
    const question = new URL(this.#endpoint, document.baseURI);
    question.searchParams.set('resumableIdentifier', transfer.id);
    question.searchParams.set('resumableFilename', transfer.source.fileName);
    question.searchParams.set('resumableRelativePath', transfer.source.relativePath);
    question.searchParams.set('resumableTotalSize', String(transfer.source.size));
    try {
      const answer: unknown = await (await fetchAllowed(question)).json();
      const url = (answer as { url?: unknown } | null)?.url;
      return typeof url === 'string' ? sameOrigin(url) : null;
    } catch {
      return null;
    }
  }

  #failed(source: Source): void {
    const transfer = this.#of(source);
    if (!transfer) return;
    const failed = transfer.chunks.find((chunk) => chunk.status() === 'error');
    const status = failed?.xhr?.status ?? 0;
    const challenged = wantsToken(status, failed?.xhr?.getResponseHeader('WWW-Authenticate'));
    const fault = explain(status, failed?.xhr?.responseText ?? '', this.config.maxSize, challenged);
    // The library has no way to tell a fault that passes from one that stays but the status: R4 of the protocol's
    // notes says that 409, 500 and 501 end a file, so those end it here too.
    const stays = !fault.passing || [409, 500, 501].includes(status);
    if (stays) {
      transfer.end = 'failed';
      transfer.note = fault.text;
      this.hearer.failed(transfer);
    } else if (failed && challenged) {
      transfer.note = fault.text;
      refused(this.#tokens.get(failed) ?? null);
      void allowed().then(() => transfer.wish === 'go' && this.#again(transfer));
    } else {
      transfer.note = whileWaiting(fault);
      if (transfer.wish === 'go' && navigator.onLine) {
        const wait = Math.min(longestWait, 4000 * 2 ** transfer.tries);
        transfer.tries += 1;
        transfer.timer = window.setTimeout(() => this.#again(transfer), wait);
      }
    }
    this.#fill();
  }

  /** From the top: the test of each chunk finds what the server already has. */
  #again(transfer: Transfer): void {
    window.clearTimeout(transfer.timer);
    transfer.note = '';
    transfer.source.bootstrap();
    this.hearer.changed();
  }

  #offline(): void {
    for (const transfer of this.transfers) {
      if (transfer.end !== 'open') continue;
      window.clearTimeout(transfer.timer);
      transfer.stop();
      transfer.note = whileWaiting({ text: '', passing: true });
    }
    this.hearer.changed();
  }

  #online(): void {
    for (const transfer of this.transfers) {
      if (transfer.end !== 'open') continue;
      transfer.tries = 0;
      if (transfer.wish === 'go') this.#again(transfer);
    }
    this.#fill();
  }
}

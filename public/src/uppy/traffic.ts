// What happens around each request of an upload: the access token, why it is tried again, and whether a proxy on the
// way keeps or refuses what is large.
import type Tus from '@uppy/tus';
import type { DetailedError, HttpRequest, HttpResponse } from 'tus-js-client';
import { allowed, authorization, currentToken, fetchAllowed, isAsking, refused, wantsToken } from '../shared/access.ts';
import type { Config } from '../shared/config.ts';
import { explain, type Fault, isOurs, whileWaiting } from '../shared/errors.ts';
import { bytes } from '../shared/format.ts';
import { notice } from '../shared/frame.ts';
import { pieceSize, smaller } from './pieces.ts';
import { ProxyWatch } from './proxy.ts';
import type { Meta, Uploader } from './uploader.ts';

/** Per file: a request was sent for it, and why it waits if it does. */
export interface Doings {
  started: Set<string>;
  waiting: Map<string, string>;
}

type Failure = Error & Partial<DetailedError>;

const never = new Promise<never>(() => {});

export class Traffic {
  #files = new WeakMap<HttpRequest, string>();
  #tokens = new WeakMap<HttpRequest, string | null>();
  #answers = new WeakMap<HttpRequest, HttpResponse>();
  /** The newest request of each file. */
  #newest = new Map<string, HttpRequest>();
  #proxy = new ProxyWatch(offsetOf, () => this.#keptBack());

  constructor(
    private uppy: Uploader,
    private config: Config,
    private doings: Doings,
    private changed: () => void,
  ) {}

  async before(request: HttpRequest, file: string): Promise<void> {
    const method = request.getMethod();
    // A server without termination lets the upload expire; asking it to delete would only be an error.
    if (method === 'DELETE' && !this.config.termination) return never;
    this.#files.set(request, file);
    this.#newest.set(file, request);
    this.doings.started.add(file);
    this.changed();
    if (isAsking() && method !== 'DELETE') {
      this.#waits(file, explain(401, '', null, true));
      await allowed();
      // Paused, removed or begun anew in the meantime: another request took the place of this one, or will.
      const now = this.uppy.getState().files[file];
      if (this.#newest.get(file) !== request || !now || now.isPaused) return never;
      this.doings.waiting.delete(file);
    }
    this.#tokens.set(request, currentToken());
    for (const [name, value] of Object.entries(authorization())) request.setHeader(name, value);
    if (method === 'PATCH' && pieceSize() === Infinity) {
      this.#proxy.watch(request.getUnderlyingObject() as XMLHttpRequest, request.getURL(), Number(request.getHeader('Upload-Offset')));
    }
  }

  after(request: HttpRequest, response: HttpResponse): void {
    const status = response.getStatus();
    if (wantsToken(status, response.getHeader('WWW-Authenticate'))) refused(this.#tokens.get(request) ?? null);
    // The client takes any refusal here for an upload that is lost, and starts from zero. Only these say that it is.
    if (request.getMethod() === 'HEAD' && status >= 400 && ![404, 410, 423].includes(status)) {
      this.#answers.set(request, response);
      throw new Error(`the offset was not told: ${status}`);
    }
  }

  again(error: Failure, next: (error: DetailedError) => boolean): boolean {
    this.#complete(error);
    const fault = this.understand(error);
    const again = next(error as DetailedError) || fault.passing || this.#inPieces(error);
    const file = error.originalRequest && this.#files.get(error.originalRequest);
    if (again && file) this.#waits(file, fault);
    return again;
  }

  understand(error: Failure): Fault {
    this.#complete(error);
    const response = error.originalResponse;
    if (response) {
      const challenged = wantsToken(response.getStatus(), response.getHeader('WWW-Authenticate'));
      return explain(response.getStatus(), response.getBody() ?? '', this.config.maxSize, challenged);
    }
    if (error.originalRequest || error.name === 'NetworkError' || 'isNetworkError' in error) return explain(0, '', null);
    return { text: 'The browser cannot read this file any more. Choose it again.', passing: false };
  }

  forget(file: string): void {
    this.#newest.delete(file);
  }

  #waits(file: string, fault: Fault): void {
    this.doings.waiting.set(file, whileWaiting(fault));
    this.changed();
  }

  /** An error that `after` made has lost its answer on the way. */
  #complete(error: Failure): void {
    if (error.originalRequest && !error.originalResponse) error.originalResponse = this.#answers.get(error.originalRequest) ?? null;
  }

  /** A proxy that refuses what is too large for it may take smaller requests. */
  #inPieces(error: Failure): boolean {
    const response = error.originalResponse;
    if (response?.getStatus() !== 413 || error.originalRequest?.getMethod() !== 'PATCH') return false;
    if (isOurs(response.getBody() ?? '') || !smaller()) return false;
    this.#cut();
    notice('proxy', `A proxy in front of the server refuses large requests, so files are now sent in pieces of ${bytes(pieceSize())}.`);
    return true;
  }

  #keptBack(): void {
    smaller();
    this.#cut();
    notice(
      'proxy',
      `A proxy in front of the server keeps each file back until it is whole, so an upload that breaks off starts again. ` +
        `The remedy is to switch its request buffering off; until then this page sends pieces of ${bytes(pieceSize())}.`,
    );
  }

  /** For the files to come, and for the next request of those under way. */
  #cut(): void {
    const plugin = this.uppy.getPlugin('Tus') as Tus<Meta, never> | undefined;
    plugin?.setOptions({ chunkSize: pieceSize() });
    for (const upload of Object.values(plugin?.uploaders ?? {})) if (upload) upload.options.chunkSize = pieceSize();
  }
}

async function offsetOf(url: string): Promise<number | null> {
  try {
    const response = await fetchAllowed(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' }, cache: 'no-store' });
    const told = response.headers.get('Upload-Offset');
    return response.ok && told !== null && /^\d+$/.test(told) ? Number(told) : null;
  } catch {
    return null;
  }
}

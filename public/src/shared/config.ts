// What the server says about itself in config.json, checked field by field: a missing document or a strange value
// falls back to what a fresh server uses.

import { fetchAllowed } from './access.ts';

export interface Config {
  tusEndpoint: string;
  /** Null when the server takes no numbered chunks. */
  resumableEndpoint: string | null;
  maxSize: number | null;
  chunkSize: number;
  /** Whether a finished upload can be fetched from its own address. */
  downloads: boolean;
  /** Whether an upload can be taken off the server before its time is over. */
  termination: boolean;
  /** Where the server is reached, when it was told; its answers lead there. */
  publicUrl: string | null;
  version: string;
}

const defaults: Config = {
  tusEndpoint: './files/',
  resumableEndpoint: './resumable_upload',
  maxSize: null,
  chunkSize: 8 * 1024 * 1024,
  downloads: true,
  termination: true,
  publicUrl: null,
  version: '',
};

export async function loadConfig(): Promise<Config> {
  try {
    const response = await fetchAllowed('config.json', { cache: 'no-store' });
    return checked(response.ok ? await response.json() : {});
  } catch {
    return checked({});
  }
}

function checked(told: unknown): Config {
  const given = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>;
  return {
    tusEndpoint: address(given.tusEndpoint, defaults.tusEndpoint),
    resumableEndpoint: given.resumableEndpoint === null ? null : address(given.resumableEndpoint, './resumable_upload'),
    maxSize: positive(given.maxSize) ?? defaults.maxSize,
    chunkSize: positive(given.chunkSize) ?? defaults.chunkSize,
    downloads: typeof given.downloads === 'boolean' ? given.downloads : defaults.downloads,
    termination: typeof given.termination === 'boolean' ? given.termination : defaults.termination,
    publicUrl: typeof given.publicUrl === 'string' && URL.canParse(given.publicUrl) ? given.publicUrl : defaults.publicUrl,
    version: typeof given.version === 'string' ? given.version : defaults.version,
  };
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function address(value: unknown, otherwise: string): string {
  return (typeof value === 'string' ? sameOrigin(value) : null) ?? new URL(otherwise, document.baseURI).href;
}

/** The address in full when it is one of this server's own, else null: nothing else becomes a link or an endpoint. */
export function sameOrigin(value: string): string | null {
  const url = URL.canParse(value, document.baseURI) ? new URL(value, document.baseURI) : null;
  return url !== null && url.origin === location.origin ? url.href : null;
}

// What the server says about itself in config.json, checked field by field: a missing document or a strange value
// falls back to what a fresh server uses.

export interface Config {
  tusEndpoint: string;
  resumableEndpoint: string;
  maxSize: number | null;
  chunkSize: number;
  /** Whether a finished upload can be fetched from its own address. */
  downloads: boolean;
  version: string;
}

const defaults: Config = {
  tusEndpoint: '/files/',
  resumableEndpoint: '/resumable_upload',
  maxSize: null,
  chunkSize: 8 * 1024 * 1024,
  downloads: true,
  version: '',
};

export async function loadConfig(): Promise<Config> {
  try {
    const response = await fetch('config.json', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
    return response.ok ? checked(await response.json()) : defaults;
  } catch {
    return defaults;
  }
}

function checked(told: unknown): Config {
  if (typeof told !== 'object' || told === null) return defaults;
  const given = told as Record<string, unknown>;
  return {
    tusEndpoint: address(given.tusEndpoint, defaults.tusEndpoint),
    resumableEndpoint: address(given.resumableEndpoint, defaults.resumableEndpoint),
    maxSize: positive(given.maxSize) ?? defaults.maxSize,
    chunkSize: positive(given.chunkSize) ?? defaults.chunkSize,
    downloads: typeof given.downloads === 'boolean' ? given.downloads : defaults.downloads,
    version: typeof given.version === 'string' ? given.version : defaults.version,
  };
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function address(value: unknown, otherwise: string): string {
  return typeof value === 'string' && sameOrigin(value) !== null ? value : otherwise;
}

/** The address in full when it is one of this server's own, else null: nothing else becomes a link or an endpoint. */
export function sameOrigin(value: string): string | null {
  const url = URL.canParse(value, document.baseURI) ? new URL(value, document.baseURI) : null;
  return url !== null && url.origin === location.origin ? url.href : null;
}

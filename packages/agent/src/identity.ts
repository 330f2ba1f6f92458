/**
 * Who this agent is. Owns the client_id and promises that it stays the same for the life of the state directory: given
 * in the configuration, or made up once and kept.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';

const CLIENT_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** Leaves room for the random part. */
const HOST_CHARS_MAX = 100;

export interface IdentityOptions {
  /** The configured client_id, '' when there is none. It is not kept: taking it out again brings the old one back. */
  configured: string;
  host: string;
  stateDir: string;
}

/**
 * @returns the client_id: [A-Za-z0-9._:-]{1,128}. One that is made is `<host>-<8 hex digits>`, kept in
 * `stateDir/client_id` (mode 0600) before it is returned.
 * @throws MetricStreamError `damaged` when the kept file holds no client_id, `directory_unusable` when it cannot be
 * read or written: going on with another identity would be a silent change of client.
 */
export function clientIdentity(options: IdentityOptions): string {
  const known = knownIdentity(options);
  if (known !== undefined) return known;
  const path = pathIn(options.stateDir);
  const clientId = madeUpClientId(options.host);
  try {
    writeFileAtomically(path, `${clientId}\n`, 0o600);
  } catch (cause) {
    throw new MetricStreamError('directory_unusable', `cannot keep the client_id in ${path}; make it writable`, {
      cause,
    });
  }
  return clientId;
}

/** @returns the client_id, or undefined when it has not been made yet. @throws as `clientIdentity` does. */
export function knownIdentity({ configured, stateDir }: Omit<IdentityOptions, 'host'>): string | undefined {
  return configured === '' ? readKept(pathIn(stateDir)) : configured;
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'client_id');
}

/** @returns `<host>-<8 random hex digits>` in the alphabet of a client_id. */
export function madeUpClientId(host: string): string {
  const name = host
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, HOST_CHARS_MAX);
  return `${name === '' ? 'host' : name}-${randomBytes(4).toString('hex')}`;
}

function readKept(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MetricStreamError('directory_unusable', `cannot read the client_id kept in ${path}`, { cause });
  }
  if (CLIENT_ID.test(text)) return text;
  throw new MetricStreamError(
    'damaged',
    `${path} holds no client_id (expected 1 to 128 letters, digits, . _ : or -); ` +
      'write the right one there, set client_id in the configuration, or remove the file to have a new one made',
  );
}

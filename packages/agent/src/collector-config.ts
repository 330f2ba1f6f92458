/** The options under `collector`: defaults, bounds, what they and the files they name say, and their form in the program. */
import { resolve } from 'node:path';
import { bytes, choice, duration, serverUrl, text } from '@metricstream/shared/config/leaves.ts';
import { isLoopback } from '@metricstream/shared/config/listen.ts';
import type { CrossFault } from '@metricstream/shared/config/load.ts';
import { z } from 'zod';
import { isReadableByAll } from './small-file.ts';
import { readTls, type TlsFiles } from './tls-files.ts';
import { readToken } from './token-file.ts';

const MiB = 1024 * 1024;

const path = () => text({ expected: 'the path of a file', pattern: /^[^\0]*$/, charsMax: 1024 }).prefault('');

export const collectorSchema = z.strictObject({
  url: serverUrl({ example: 'http://ingest.example:7440' }),
  token_file: path(),
  tls: z.strictObject({ ca_file: path(), cert_file: path(), key_file: path() }).prefault({}),
  compression: choice(['gzip', 'zstd', 'none']).prefault('gzip'),
  compress_above: bytes({ min: 0, max: 16 * MiB }).prefault('16KiB'),
  timeout: duration({ min: 100, max: 300_000 }).prefault('10s'),
});

type CollectorFile = z.output<typeof collectorSchema>;

export interface CollectorConfig {
  /** Without a slash at its end. */
  readonly url: string;
  /** Absolute; '' when the collector asks for no token. */
  readonly tokenFile: string;
  /** Absolute, '' where none is given. */
  readonly tls: TlsFiles;
  readonly compression: 'gzip' | 'zstd' | 'none';
  /** Smaller bodies are sent as they are. */
  readonly compressAboveBytes: number;
  readonly timeoutMs: number;
}

export function checkCollector(file: CollectorFile): CrossFault[] {
  return [...checkTls(file), ...checkToken(file)];
}

function checkTls({ url, tls }: CollectorFile): CrossFault[] {
  const at = ['collector', 'tls'];
  const { ca_file, cert_file, key_file } = tls;
  const given = [ca_file, cert_file, key_file].some((one) => one !== '');
  if (given && new URL(url).protocol !== 'https:')
    return [
      {
        path: at,
        others: [['collector', 'url']],
        what: 'has no use with this URL',
        expected: 'https:// in collector.url',
      },
    ];
  if ((cert_file === '') !== (key_file === ''))
    return [{ path: at, what: 'has one of cert_file and key_file', expected: 'both, or neither' }];
  const read = readTls({ caFile: ca_file, certFile: cert_file, keyFile: key_file });
  if (!read.ok) return [{ path: [...at, read.option], what: read.what, expected: read.expected }];
  return key_file !== '' && isReadableByAll(key_file) ? [readableByAll([...at, 'key_file'], key_file)] : [];
}

function checkToken({ url, token_file }: CollectorFile): CrossFault[] {
  if (token_file === '') return [];
  const at = ['collector', 'token_file'];
  const read = readToken(token_file);
  if (!read.ok) return [{ path: at, what: read.what, expected: read.expected }];
  const found: CrossFault[] = [];
  if (isReadableByAll(token_file)) found.push(readableByAll(at, token_file));
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')))
    found.push({
      path: ['collector', 'url'],
      others: [at],
      level: 'warning',
      what: `sends the token to ${hostname} over plain http: whoever is on the way can read it; use https://`,
    });
  return found;
}

function readableByAll(at: string[], file: string): CrossFault {
  return { path: at, level: 'warning', what: `${file} can be read by every user of this host; chmod o-r it` };
}

export function shapeCollector({
  url,
  token_file,
  tls,
  compression,
  compress_above,
  timeout,
}: CollectorFile): CollectorConfig {
  const absolute = (file: string): string => (file === '' ? '' : resolve(file));
  return {
    url: url.replace(/\/+$/, ''),
    tokenFile: absolute(token_file),
    tls: { caFile: absolute(tls.ca_file), certFile: absolute(tls.cert_file), keyFile: absolute(tls.key_file) },
    compression,
    compressAboveBytes: compress_above,
    timeoutMs: timeout,
  };
}

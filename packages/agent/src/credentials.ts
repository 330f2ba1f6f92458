/**
 * What the agent shows to the collector and what it trusts: the token and the files of TLS as they are now. Owns looking
 * after them, and promises: a file that has changed is noticed within a second; files of TLS that are wrong or do not fit
 * each other (half of a renewal) leave the ones before in use; a token that cannot be read is never replaced by an old one.
 */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { fileStamp } from '@metricstream/shared/file-stamp.ts';
import type { Log } from '@metricstream/shared/log.ts';
import { readTls, systemRoots, type TlsFiles, type TlsOptions } from './tls-files.ts';
import { readToken } from './token-file.ts';

const LOOK_EVERY_MS = 1000;

export interface CredentialsOptions {
  /** Of the collector: the files of TLS are read for https only. */
  url: string;
  /** '' for none. */
  tokenFile: string;
  tls: TlsFiles;
  log: Log;
  lookEveryMs?: number;
}

/** As the files were when it was last looked. */
export interface Current {
  /** The header's value, when there is a token. */
  readonly authorization: string | undefined;
  /** Why there is none, though there should be; '' when all is well. */
  readonly trouble: string;
  /** The same object while the files are the same; undefined for http. */
  readonly tls: TlsOptions | undefined;
}

export interface Credentials {
  current(): Current;
  /**
   * Looks at the files now. @returns a signal that is aborted as soon as they hold something else than `used`, what a
   * refused request was made with.
   */
  whenChanged(used: Current): AbortSignal;
  close(): void;
}

/** @throws MetricStreamError `config_invalid` when a file is not as it must be. */
export function createCredentials(options: CredentialsOptions): Credentials {
  const { tokenFile, tls, log, lookEveryMs = LOOK_EVERY_MS } = options;
  const https = new URL(options.url).protocol === 'https:';
  const paths = [tokenFile, ...(https ? [tls.caFile, tls.certFile, tls.keyFile] : [])].filter((path) => path !== '');
  const stampOf = (): string => paths.map(fileStamp).join(' ');
  let stamp = stampOf();
  let current: Current = { ...authorizationOf(tokenFile), tls: https ? tlsAtStart(tls) : undefined };
  if (current.trouble !== '') throw new MetricStreamError('config_invalid', current.trouble);
  let changing = new AbortController();

  function look(): void {
    const seen = stampOf();
    if (seen === stamp) return;
    stamp = seen;
    const next = { ...authorizationOf(tokenFile), tls: https ? tlsNow() : undefined };
    const { authorization, trouble } = current;
    if (next.authorization === authorization && next.trouble === trouble && next.tls === current.tls) return;
    current = next;
    // What is wrong with a token is said by whoever cannot send.
    if (next.trouble === '') log.info('a file of collector.token_file or collector.tls has changed and is used now');
    changing.abort();
    changing = new AbortController();
  }

  function tlsNow(): TlsOptions | undefined {
    const { tls: before } = current;
    const read = readTls(tls);
    if (!read.ok) {
      const why = `collector.tls.${read.option}: ${read.what}; expected ${read.expected}`;
      log.error('a changed file of collector.tls cannot be used, the ones before still are', { why });
      return before;
    }
    const { ca = before?.ca, cert, key } = read.options;
    const same = ca === before?.ca && cert === before?.cert && key === before?.key;
    return same ? before : { ca, cert, key };
  }

  const timer = paths.length === 0 ? undefined : setInterval(look, lookEveryMs).unref();
  return {
    current: () => current,
    whenChanged(used) {
      look();
      return used === current ? changing.signal : AbortSignal.abort();
    },
    close: () => clearInterval(timer),
  };
}

function authorizationOf(tokenFile: string): Pick<Current, 'authorization' | 'trouble'> {
  if (tokenFile === '') return { authorization: undefined, trouble: '' };
  const read = readToken(tokenFile);
  if (read.ok) return { authorization: `Bearer ${read.token}`, trouble: '' };
  return { authorization: undefined, trouble: `collector.token_file: ${read.what}; expected ${read.expected}` };
}

function tlsAtStart(files: TlsFiles): TlsOptions {
  const read = readTls(files);
  if (read.ok) return { ...read.options, ca: read.options.ca ?? systemRoots() };
  throw new MetricStreamError(
    'config_invalid',
    `collector.tls.${read.option}: ${read.what}; expected ${read.expected}`,
  );
}

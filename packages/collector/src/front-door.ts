/**
 * Main's end of the front door: the files that say who may come in. Owns reading them at start and again (SIGHUP; the
 * tokens file whenever it changes), and promises that a file found broken later changes nothing: what was read last
 * stays in force, and the log says what is wrong with the new one.
 */
import { readTlsMaterial } from './tls-files.ts';
import type { TlsMaterial } from './http/tls.ts';
import { readTokens } from './admission/tokens-file.ts';
import type { TokenEntry } from './admission/tokens.ts';
import type { CollectorConfig } from './config.ts';
import type { IngestWorkers } from './ingest/start.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';

export interface FrontDoor {
  readonly tokens: readonly TokenEntry[];
  readonly tls: TlsMaterial | undefined;
  /** Whom to tell of changes from now on. */
  attach(workers: Pick<IngestWorkers, 'tell'>): void;
  /** Reads all files again. */
  reload(): void;
  close(): void;
}

/** @throws MetricStreamError when a file cannot be used: at start that is a fault of the configuration. */
export function openFrontDoor(config: CollectorConfig, log: Log): FrontDoor {
  const asksTokens = config.auth === 'tokens' || config.auth === 'either';
  const tokens = asksTokens ? readTokens(config.tokensFile) : [];
  const tls = config.tls === undefined ? undefined : readTlsMaterial(config.tls, config.auth);
  let workers: Pick<IngestWorkers, 'tell'> | undefined;

  function reloadTokens(): void {
    try {
      workers?.tell({ message: 'tokens', tokens: readTokens(config.tokensFile) });
      log.info('tokens read again', { file: config.tokensFile });
    } catch (error) {
      log.error('tokens: the new file is not used, the last one stays in force', { error: messageOf(error) });
    }
  }

  function reloadTls(files: NonNullable<CollectorConfig['tls']>): void {
    try {
      workers?.tell({ message: 'tls', tls: readTlsMaterial(files, config.auth) });
      log.info('certificates read again', { file: files.certFile });
    } catch (error) {
      log.error('tls: the new files are not used, the last ones stay in force', { error: messageOf(error) });
    }
  }

  return {
    tokens,
    tls,
    attach: (told) => void (workers = told),
    reload() {
      if (asksTokens) reloadTokens();
      if (config.tls !== undefined) reloadTls(config.tls);
    },
    close: () => {},
  };
}

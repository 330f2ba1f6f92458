/**
 * Main's end of the front door: the files that say who may come in. Owns reading them at start and again (SIGHUP; the
 * tokens file whenever it changes), and promises that a file found broken later changes nothing: what was read last
 * stays in force, and the log says what is wrong with the new one.
 */
import { openCertificates } from './certificates.ts';
import type { TlsMaterial } from '../http/tls.ts';
import { type FileWatch, readTokensFile, watchFile } from '../admission/tokens-file.ts';
import type { TokenEntry } from '../admission/tokens.ts';
import type { CollectorConfig } from '../config.ts';
import type { IngestWorkers } from '../ingest/start.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import type { Log } from '@metricstream/shared/log.ts';

/** A revoked token lets nobody in a second later: twice this, and what reading and telling take. */
const TOKENS_LOOK_EVERY_MS = 250;
/** Time enough to give a host another token. */
const EXPIRES_SOON_MS = 7 * 86_400_000;

type Told = Pick<IngestWorkers, 'tell'>;

/** For /status and /metrics. */
export interface DoorFigures {
  /** In force. */
  tokens: number;
  /** Of these, expired or to expire within 7 days. */
  tokensExpiring: number;
  /** The tokens file as it is now cannot be used; the one before is in force. */
  tokensFileBroken: boolean;
  /** Absent without TLS. */
  certificateExpiresUnixMs: number | undefined;
}

export interface FrontDoor {
  readonly tokens: readonly TokenEntry[];
  readonly tls: TlsMaterial | undefined;
  /** Whom to tell of changes from now on. */
  attach(workers: Told): void;
  /** Reads all files again. */
  reload(): void;
  figures(): DoorFigures;
  close(): void;
}

/** @throws MetricStreamError when a file cannot be used: at start that is a fault of the configuration. */
export function openFrontDoor(config: CollectorConfig, log: Log): FrontDoor {
  let workers: Told | undefined;
  const tell: Told['tell'] = (message) => workers?.tell(message);
  const asksTokens = config.auth === 'tokens' || config.auth === 'either';
  const tls =
    config.tls === undefined
      ? undefined
      : openCertificates({
          files: config.tls,
          auth: config.auth,
          changed: (now) => tell({ message: 'tls', tls: now }),
          log,
        });

  let tokens: Tokens | undefined;
  try {
    if (asksTokens) tokens = openTokens(config.tokensFile, tell, log);
  } catch (error) {
    tls?.close();
    throw error;
  }
  const atStart = tokens?.inForce() ?? [];
  const tlsAtStart = tls?.inForce();
  return {
    tokens: atStart,
    tls: tlsAtStart,
    attach(told) {
      workers = told;
      // They may have changed since the workers were made.
      if (tokens !== undefined && tokens.inForce() !== atStart) tell({ message: 'tokens', tokens: tokens.inForce() });
      if (tls !== undefined && tls.inForce() !== tlsAtStart) tell({ message: 'tls', tls: tls.inForce() });
    },
    reload() {
      tokens?.reload();
      tls?.reload();
    },
    figures: () => ({
      ...(tokens?.figures() ?? { tokens: 0, tokensExpiring: 0, tokensFileBroken: false }),
      certificateExpiresUnixMs: tls?.expiresUnixMs(),
    }),
    close() {
      tokens?.close();
      tls?.close();
    },
  };
}

interface Tokens {
  inForce(): readonly TokenEntry[];
  reload(): void;
  figures(): Omit<DoorFigures, 'certificateExpiresUnixMs'>;
  close(): void;
}

/** Reads the tokens file now and whenever it changes. @throws MetricStreamError when it cannot be used now. */
function openTokens(path: string, tell: Told['tell'], log: Log): Tokens {
  let broken = false;
  // Looked at before it is read: what is written meanwhile is a change.
  const watch: FileWatch = watchFile(path, TOKENS_LOOK_EVERY_MS, () => take());
  let inForce: readonly TokenEntry[] = [];
  try {
    inForce = read();
  } catch (error) {
    watch.close();
    throw error;
  }
  let endings = endingsOf(inForce);

  function read(): readonly TokenEntry[] {
    const { entries, warnings } = readTokensFile(path);
    for (const warning of warnings) log.warn(warning);
    return entries;
  }

  function take(): void {
    try {
      inForce = read();
      endings = endingsOf(inForce);
      broken = false;
      tell({ message: 'tokens', tokens: inForce });
      log.info('tokens read again', { file: path, count: inForce.length });
    } catch (error) {
      broken = true;
      log.error('tokens: the new file is not used, the last one stays in force', { error: messageOf(error) });
    }
  }

  return {
    inForce: () => inForce,
    reload() {
      watch.seen();
      take();
    },
    figures() {
      const soonUnixMs = Date.now() + EXPIRES_SOON_MS;
      const tokensExpiring = endings.filter((unixMs) => unixMs < soonUnixMs).length;
      return { tokens: inForce.length, tokensExpiring, tokensFileBroken: broken };
    },
    close: () => watch.close(),
  };
}

function endingsOf(tokens: readonly TokenEntry[]): number[] {
  return tokens.map(({ expiresUnixMs }) => expiresUnixMs).filter((unixMs) => unixMs !== Infinity);
}

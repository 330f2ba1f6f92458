/**
 * The fuzzer: streams of changed requests through the collector's listener in memory, each whole and cut. Owns the
 * oracles and promises of every stream without a find: it was understood as the second reading (reference.ts) understands
 * it, each request got one answer and each refusal one, no hidden request came out, and none of it depends on the cuts.
 */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { readAnswers } from '../answers.ts';
import { LIMITS, startDriven } from './drive.ts';
import type { Driven, Verdict } from './drive.ts';
import { readRequests } from './reference.ts';
import { cut, makeStream } from './streams.ts';
import type { Stream } from './streams.ts';
import { HIDDEN } from './words.ts';

export interface FuzzOptions {
  /** Streams go on until they were built of so many requests. */
  requests: number;
  seed: number;
  /** Called now and then. */
  progress?(done: FuzzReport): void;
}

export interface FuzzReport {
  seed: number;
  requests: number;
  streams: number;
  /** Requests that reached the handler, of the streams sent whole. */
  handedOver: number;
  /** Streams in which something was refused. */
  refused: number;
  /** Streams sent byte by byte, too. */
  byteByByte: number;
  /** Streams whose hidden requests had to stay hidden. */
  hiding: number;
  /** How many streams each reason refused. */
  reasons: Map<string, number>;
  finds: Find[];
  /** Connections or exchanges left over, and what the handler threw. */
  left: string[];
}

/** A stream that broke a promise. */
export interface Find {
  why: string;
  operators: string[];
  b64: string;
}

/** One stream in so many is sent byte by byte, besides whole and in a few pieces. */
const BYTE_BY_BYTE_EVERY = 16;
const PROGRESS_EVERY = 200_000;
const FINDS_MAX = 20;

/** Runs until `requests` are sent or there are many finds. */
export async function fuzz({ requests, seed, progress }: FuzzOptions): Promise<FuzzReport> {
  const random = seeded(seed);
  const driven = startDriven();
  const report: FuzzReport = {
    seed: random.seed,
    requests: 0,
    streams: 0,
    handedOver: 0,
    refused: 0,
    byteByByte: 0,
    hiding: 0,
    reasons: new Map(),
    finds: [],
    left: [],
  };
  while (report.requests < requests && report.finds.length < FINDS_MAX) {
    const stream = makeStream(random);
    const bytes = Buffer.from(stream.text, 'latin1');
    const everyByte = report.streams % BYTE_BY_BYTE_EVERY === 0;
    const cuts = [cut(bytes, random), ...(everyByte ? [cut(bytes, random, true)] : [])];
    const whole = await driven.send([bytes]);
    const why = faultOf(stream, whole) ?? (await faultOfCuts(driven, whole, cuts));
    if (why !== undefined) report.finds.push({ why, operators: stream.operators, b64: bytes.toString('base64') });
    count(report, stream, whole, everyByte);
    if (progress !== undefined && report.streams % PROGRESS_EVERY === 0) progress(report);
    // Timers and the collector of garbage want their turn.
    if (report.streams % 1000 === 0) await new Promise(setImmediate);
  }
  const { stats } = driven.listener;
  if (stats.openConnections + stats.openExchanges > 0) report.left.push(JSON.stringify(stats));
  report.left.push(...driven.failures.map(String));
  await driven.listener.stop({ drainMs: 0 });
  return report;
}

/** Judges one stream from outside the run: the test of what was found before. */
export async function replay(text: string): Promise<string | undefined> {
  const driven = startDriven();
  const bytes = Buffer.from(text, 'latin1');
  const whole = await driven.send([bytes]);
  const stream: Stream = { text, operators: [], requests: Number.POSITIVE_INFINITY, hides: false };
  const halves = Array.from({ length: bytes.length }, (_, i) => [bytes.subarray(0, i), bytes.subarray(i)]);
  const why = faultOf(stream, whole) ?? (await faultOfCuts(driven, whole, [cut(bytes, seeded(0), true), ...halves]));
  await driven.listener.stop({ drainMs: 0 });
  return why ?? driven.failures.map(String)[0];
}

function count(report: FuzzReport, stream: Stream, whole: Verdict, everyByte: boolean): void {
  report.streams++;
  report.requests += stream.requests;
  report.handedOver += whole.exchanges.length;
  if (everyByte) report.byteByByte++;
  if (stream.hides) report.hiding++;
  if (whole.refused.length > 0) report.refused++;
  for (const reason of whole.refused) report.reasons.set(reason, (report.reasons.get(reason) ?? 0) + 1);
}

/** @returns what is wrong with how a stream was understood. */
function faultOf(stream: Stream, { exchanges, refused, answers }: Verdict): string | undefined {
  const expected = readRequests(stream.text, LIMITS);
  const lines = expected.requests.map(
    ({ method, path, query, body }) => `${method} ${path} ${query}${body === undefined ? '' : ` ${body}`}`,
  );
  if (exchanges.length !== lines.length || exchanges.some((line, i) => line !== lines[i]))
    return `handed over ${JSON.stringify(exchanges)}, expected ${JSON.stringify(lines)}; refused ${refused.join()}`;
  if (refused.length !== Number(expected.refused))
    return `refused ${JSON.stringify(refused)}, expected ${expected.refused}`;
  const endsBare = answers.endsWith('\r\n\r\n');
  // A refusal without a body is one of a HEAD request.
  const { final, rest } = readAnswers(answers, (index) => exchanges[index]?.startsWith('HEAD ') ?? endsBare);
  if (rest !== '') return `bytes that are no answer: ${JSON.stringify(rest)}`;
  if (final.length !== exchanges.length + refused.length)
    return `${final.length} answers to ${exchanges.length} requests and ${refused.length} refusals`;
  if (!stream.hides) return undefined;
  if (final.length > stream.requests) return `${final.length} answers to ${stream.requests} requests`;
  return exchanges.some((line) => line.split(' ')[1] === HIDDEN) ? 'a hidden request came out' : undefined;
}

/** @returns what is wrong with how a stream in pieces was understood. */
async function faultOfCuts(driven: Driven, whole: Verdict, cuts: Buffer[][]): Promise<string | undefined> {
  for (const pieces of cuts) {
    const seen = await driven.send(pieces);
    const isSame =
      seen.answers === whole.answers &&
      seen.exchanges.join() === whole.exchanges.join() &&
      seen.refused.join() === whole.refused.join();
    if (!isSame) {
      const lengths = pieces.map(({ length }) => length).join();
      return `in pieces of ${lengths}: ${JSON.stringify(seen)}, whole: ${JSON.stringify(whole)}`;
    }
  }
  return undefined;
}

/**
 * 200,000 fuzzed requests through the listener in memory, and some over real sockets. A failure names its seed:
 * MS_TEST_SEED plays it again. `pnpm soak fuzz` is the long run.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listen } from '@metricstream/collector/http/listener.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, onTestFinished, test } from 'vitest';
import { LATER_PATH, LIMITS, answerOf, refusalOf, startDriven, timeless } from './drive.ts';
import { fuzz } from './fuzz.ts';
import { OPERATORS } from './operators.ts';
import { cut, makeStream } from './streams.ts';

const SEED = seeded(Date.now() % 1_000_000_000).seed;
const REQUESTS = 200_000;
const STREAMS_OVER_SOCKETS = 1500;
const SOCKETS = 16;

test(`${REQUESTS} fuzzed requests are understood as they must be, however they are cut (seed ${SEED})`, async () => {
  const report = await fuzz({ requests: REQUESTS, seed: SEED });
  expect(report.finds, `seed ${report.seed}`).toEqual([]);
  expect(report.left).toEqual([]);
  expect(report.handedOver).toBeGreaterThan(REQUESTS / 4);
  // Every reason that bytes alone can give was given.
  expect(report.reasons.size, [...report.reasons.keys()].join()).toBeGreaterThan(23);
}, 60_000);

test(`a stream gets the same answers over a socket as in memory (seed ${SEED})`, async () => {
  const random = seeded(SEED + 1);
  const driven = startDriven();
  const failed: unknown[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    limits: LIMITS,
    handler: {
      head: refusalOf,
      body(exchange) {
        if (exchange.path.startsWith(LATER_PATH)) setImmediate(() => exchange.answer(answerOf(exchange)));
        else exchange.answer(answerOf(exchange));
      },
      malformed: () => undefined,
      failed: (error) => void failed.push(error),
    },
  });
  onTestFinished(async () => void (await listener.stop({ drainMs: 100 })));
  const different: unknown[] = [];
  const queue: { text: string; pieces: Buffer[]; answers: string }[] = [];
  for (let i = 0; i < STREAMS_OVER_SOCKETS; i++) {
    const { text } = makeStream(random);
    const bytes = Buffer.from(text, 'latin1');
    queue.push({ text, pieces: cut(bytes, random), answers: (await driven.send([bytes])).answers });
  }
  const streams = queue.values();
  const worker = async (): Promise<void> => {
    for (const { text, pieces, answers } of streams) {
      const seen = await exchangeBytes(listener.port, pieces);
      // Whether the last answer says that it is the last depends on when the half-close comes.
      if (openly(seen) !== openly(answers)) different.push({ text, answers, seen });
    }
  };
  await Promise.all(Array.from({ length: SOCKETS }, worker));
  expect(different, `seed ${random.seed}`).toEqual([]);
  expect([...failed, ...driven.failures]).toEqual([]);
}, 30_000);

test('every operator changes something, and says what it is called', () => {
  expect(new Set(OPERATORS.map(({ name }) => name)).size).toBe(OPERATORS.length);
  const used = new Set<string>();
  const random = seeded(SEED + 2);
  for (let i = 0; i < 5000; i++) for (const name of makeStream(random).operators) used.add(name);
  expect(used.size).toBe(OPERATORS.length);
});

function openly(answers: string): string {
  return answers.replace('Connection: close\r\n', '');
}

/** Sends pieces with a turn of the event loop between, half-closes, and gives everything received. */
async function exchangeBytes(port: number, pieces: readonly Buffer[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => void (text += chunk));
  const ended = once(socket, 'end');
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    await nextTurn();
  }
  socket.end();
  await ended;
  socket.destroy();
  return timeless(text);
}

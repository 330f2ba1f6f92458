/** A process of a test: connects a producer to argv's brokers and topic, idles, prints what the idling cost. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '@metricstream/shared/log.ts';
import { openKafka } from '../../../src/sinks/kafka/kafkajs.ts';

const [brokers = '', topic = '', idleMs = '2000'] = process.argv.slice(2);
const connection = { brokers: brokers.split(','), sasl: undefined, tls: undefined };
const client = openKafka({ connection, log: silentLog });
const message = { key: 'k', value: Buffer.from('v'), headers: {} };
const outcome = await client.produce({ topic, partition: 0, messages: [message] }, new AbortController().signal);
// What compiling and connecting left behind.
await sleep(500);
const loops = performance.nodeTiming.uvMetricsInfo.loopCount;
const before = process.cpuUsage();
await sleep(Number(idleMs));
const { user, system } = process.cpuUsage(before);
const result = { stored: outcome.kind === 'stored', cpuMs: (user + system) / 1000 };
process.stdout.write(JSON.stringify({ ...result, wakeUps: performance.nodeTiming.uvMetricsInfo.loopCount - loops }));
await client.close();

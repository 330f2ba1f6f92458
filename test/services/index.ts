/**
 * The real servers for tests and benches. Each is looked for in this order: an address in the environment (shared ones:
 * MS_TEST_KAFKA_BROKERS, MS_TEST_INFLUX_URL, MS_TEST_VICTORIAMETRICS_URL; MS_TEST_INFLUX2_URL with _TOKEN and _ORG), a
 * program on PATH, a private copy under .cache/. A test file says first what it needs, and is skipped without it:
 *
 *     describe.runIf(await available('kafka', 'influx1'))('the forwarder', () => { … });
 *
 * Servers listen on loopback, on ports and in directories of their own; they end with the test file, shared ones with
 * the run, and none outlives the process that started it.
 */
import { endServers } from './server.ts';

export { available, type Need } from './available.ts';
export { flinkLibs } from './flink.ts';
export {
  type Influx2Fault,
  type Influx2Options,
  type Influx2StandIn,
  type Influx2Write,
  startInflux2StandIn,
} from './influx2/stand-in.ts';
export { type FieldValue, parseLines } from './influx2/line-protocol.ts';
export { type StoredPoint } from './influx2/point-store.ts';
export { javaCommand, jdkCommand, quickJava } from './java.ts';
export { type Influx1, type Influx1Options, type Influx1Series, queryInflux1, startInflux1 } from './influx1.ts';
export { type KafkaCluster, type KafkaOptions, startKafka } from './kafka.ts';
export { type GroupPartition, type KafkaAdmin, kafkaAdmin, type PartitionState } from './kafka-admin.ts';
export { javaPartitions, kcat, type Message, readTopic } from './kafka-readers.ts';
export { type Forwarded, type Proxy, startHaproxy, startNginx } from './proxies.ts';
export { endServers } from './server.ts';
export { givenInflux2, sharedInflux1, sharedKafka, sharedVictoriaMetrics } from './shared.ts';
export {
  exportVictoriaMetrics,
  flushVictoriaMetrics,
  startVictoriaMetrics,
  type VictoriaMetrics,
  type VictoriaMetricsOptions,
} from './victoria-metrics.ts';
export { type Alert, startVmalert, type Vmalert, type VmalertOptions, vmalertProgram } from './vmalert.ts';

// Only in the process of a test file: this module is also imported by benches, and by the run's main process.
if (process.env.VITEST_POOL_ID !== undefined) {
  const { afterAll } = await import('vitest');
  afterAll(endServers);
}

/** The jars of Apache Flink with its SQL and its Kafka connector, apart from Kafka's own. Nothing is started here. */
import { mavenJars } from './maven.ts';

const version = '2.2.1';
const modules = [
  'flink-clients',
  'flink-table-api-java-bridge',
  'flink-table-planner-loader',
  'flink-table-runtime',
  'flink-json',
  'flink-connector-base',
];
const artifacts = [
  ...modules.map((module) => `org.apache.flink:${module}:${version}`),
  'org.apache.flink:flink-connector-kafka:5.0.0-2.2',
  'org.slf4j:slf4j-simple:1.7.36',
];

/** The directory of the jars, 142 MB, fetched at the first time. */
export function flinkLibs(): Promise<string> {
  return mavenJars(`flink-${version}`, artifacts);
}

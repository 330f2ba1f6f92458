/** Where the jars of Apache Kafka are: beside a Kafka 4 on PATH, or from Maven Central. */
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mavenJars } from './maven.ts';
import { onPath } from './run.ts';

const version = '4.3.1';
const artifacts = [`org.apache.kafka:kafka_2.13:${version}`, 'org.slf4j:slf4j-simple:1.7.36'];

/** The class path of broker, clients and tools. */
export async function kafkaClassPath(): Promise<string> {
  return join(installedJars() ?? (await mavenJars(`kafka-${version}`, artifacts)), '*');
}

/** The jars of a Kafka whose scripts are on PATH, if it is a 4. */
export function installedJars(path = process.env.PATH): string | undefined {
  const script = onPath('kafka-server-start.sh', path);
  if (script === undefined) return undefined;
  const jars = join(dirname(realpathSync(script)), '../libs');
  try {
    return readdirSync(jars).some((jar) => jar.startsWith('kafka-clients-4.')) ? jars : undefined;
  } catch {
    return undefined;
  }
}

/** The Java that runs Kafka, Flink and the helper programs: from JAVA_HOME or PATH, 17 or later. */
import { join } from 'node:path';
import { onPath, run } from './run.ts';

const versionMin = 17;

/** For processes that live seconds, where start-up counts for more than speed. */
export const quickJava = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

let found: Promise<string> | undefined;

/** The path of `java`; rejects, saying what to do, when there is none or it is too old. */
export function javaCommand(): Promise<string> {
  found ??= find();
  return found;
}

/** A program of the JDK, beside `java`. */
export async function jdkCommand(name: string): Promise<string> {
  const home = process.env.JAVA_HOME;
  const command = onPath(name, home === undefined ? process.env.PATH : join(home, 'bin'));
  if (command === undefined) throw new Error(`${name} is not on PATH: install a JDK, ${versionMin} or later`);
  return command;
}

async function find(): Promise<string> {
  const command = await jdkCommand('java');
  const text = (await run(command, ['--version'])).toString('utf8');
  const version = Number(/^\w+ (\d+)/.exec(text)?.[1] ?? 0);
  if (version < versionMin) throw new Error(`${command} is Java ${version}: install a JDK, ${versionMin} or later`);
  return command;
}

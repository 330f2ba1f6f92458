/** Jars from Maven Central with all that they need, fetched by Maven once and kept in the cache. */
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { onPath, run } from './run.ts';

const downloadMsMax = 300_000;

/** The directory with the jars of these artifacts ("group:artifact:version") and of their dependencies. */
export function mavenJars(name: string, artifacts: string[]): Promise<string> {
  const pom = pomOf(artifacts);
  const hash = createHash('sha256').update(pom).digest('hex').slice(0, 12);
  return cached({
    name: `${name}-${hash}`,
    // Maven's own repository does not like two that write it.
    lock: 'maven',
    async make(dir) {
      const maven = onPath('mvn');
      if (maven === undefined)
        throw new Error(`${name} comes from Maven Central, and mvn is not on PATH: install Maven`);
      const file = join(dir, 'pom.xml');
      await writeFile(file, pom);
      await run(maven, ['-B', '-q', '-f', file, 'dependency:copy-dependencies', `-DoutputDirectory=${dir}`], {
        cwd: dir,
        timeoutMs: downloadMsMax,
      });
      const jars = (await readdir(dir)).filter((file) => file.endsWith('.jar'));
      if (jars.length < artifacts.length) throw new Error(`Maven brought only ${jars.join(', ') || 'nothing'}`);
      return artifacts;
    },
  });
}

function pomOf(artifacts: string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>metricstream.test</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>',
    `<dependencies>${dependencies.join('\n')}</dependencies></project>`,
  ].join('\n');
}

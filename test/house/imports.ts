/** Which file may import what: the arrows of the drawing in docs/ARCHITECTURE.md as a pure function. */
import { posix } from 'node:path';
import type { RepoFile } from './tree.ts';

/** What each package may import, itself included. */
const layers: Record<string, string[]> = {
  shared: ['shared'],
  proto: ['shared', 'proto'],
  agent: ['shared', 'proto', 'agent'],
  collector: ['shared', 'proto', 'collector'],
};

/** Rooms that must not know of other rooms: imports from `inside` to `never` are wrong, except to `but`. */
const walls = [
  {
    inside: /^packages\/collector\/src\/http\//,
    never: /^packages\/(collector\/src|proto|shared\/src\/(journal|pump))\//,
    but: /^packages\/collector\/src\/http\//,
  },
  {
    inside: /^packages\/collector\/src\/(sinks|sources)\//,
    never: /^packages\/collector\/src\/(http|forward|migrate|setup)\//,
    but: undefined,
  },
  {
    inside: /^packages\/collector\/src\/sinks\//,
    never: /^packages\/collector\/src\/sources\//,
    but: undefined,
  },
  {
    inside: /^packages\/collector\/src\/points\//,
    never: /^packages\/collector\/src\//,
    but: /^packages\/collector\/src\/points\//,
  },
  {
    inside: /^packages\/collector\/src\/(rings|ledger)\//,
    never: /^packages\/collector\/src\//,
    but: /^packages\/collector\/src\/(rings\/|ledger\/|own-clients\.ts)/,
  },
  {
    inside: /^packages\/collector\/src\/(ingest|admission|tokens)\//,
    never: /^packages\/collector\/src\/(sinks|sources|forward|migrate|setup)\//,
    but: undefined,
  },
  {
    inside: /^packages\/collector\/src\/(admission|tokens)\//,
    never: /^packages\/collector\/src\/(ingest|journal-thread|ledger)\//,
    but: undefined,
  },
  {
    inside: /^packages\/collector\/src\/(http|ingest|sinks)\//,
    never: /^packages\/collector\/src\/front-door\//,
    but: undefined,
  },
  {
    inside: /^packages\/collector\/src\/(?!steps\/|collector\.ts$)/,
    never: /^packages\/collector\/src\/steps\//,
    but: undefined,
  },
];

/** Libraries that only some files of the product may know. */
const confined = [
  { library: 'undici', to: /^packages\/agent\/src\/collector-client/ },
  { library: 'kafkajs', to: /^packages\/collector\/src\/(sinks|sources)\/kafka\/kafkajs/ },
];

/** The specifiers a file imports: static ones, dynamic ones, and those of worker files, by URL. */
export function importsOf(text: string): string[] {
  const forms = [
    /^(?:import|export)\b[^'"`;]*?\bfrom '([^']+)'/gm,
    /^import '([^']+)'/gm,
    /\bimport\('([^']+)'\)/g,
    /\bnew URL\('([^']+)', import\.meta\.url\)/g,
  ];
  return forms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] ?? ''));
}

/** The repository path a specifier leads to from `path`, or undefined for a library or a part of Node. */
export function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  const inner = /^@metricstream\/(\w+)\/(.+)$/.exec(specifier);
  return inner === null ? undefined : `packages/${inner[1]}/src/${inner[2]}`;
}

/** The package a specifier names (`@a/b/c.js` → `@a/b`), or undefined for files and parts of Node. */
export function libraryOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** What is wrong with the imports of one file. */
export function wrongImports({ path, text }: RepoFile): string[] {
  return importsOf(text).flatMap((specifier) => {
    const target = targetOf(path, specifier);
    return target === undefined ? wrongLibrary(path, specifier) : wrongTarget(path, target);
  });
}

function wrongLibrary(path: string, specifier: string): string[] {
  if (!/^packages\/\w+\/src\//.test(path)) return [];
  return confined
    .filter(({ library, to }) => libraryOf(specifier) === library && !to.test(path))
    .map(({ library, to }) => `${library} belongs in ${to.source}`);
}

function wrongTarget(path: string, target: string): string[] {
  const wrong: string[] = [];
  const [, from, room] = /^packages\/(\w+)\/(\w+)/.exec(path) ?? [];
  if (from !== undefined) {
    const to = /^packages\/(\w+)\//.exec(target)?.[1];
    if (to !== undefined && !(layers[from] ?? []).includes(to)) wrong.push(`${from} must not import ${to} (${target})`);
    if (to === undefined && room === 'src') wrong.push(`the product must not import ${target}`);
  }
  for (const { inside, never, but } of walls) {
    if (inside.test(path) && never.test(target) && !but?.test(target)) wrong.push(`must not know of ${target}`);
  }
  return wrong;
}

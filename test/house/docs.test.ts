/** Docs do not rot: links lead somewhere, commands exist, benches are there. */
import { posix } from 'node:path';
import { expect, it } from 'vitest';
import { anchorsIn, benchesIn, codeIn, linksIn, scriptsIn } from './docs.ts';
import { files, findings, paths, read, type RepoFile } from './tree.ts';

const docs = () => files(/\.md$/);
const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

/** The figures that the product holds itself to, each measured by the bench of this name. */
const promisedBenches = [
  'ring',
  'walk',
  'wire',
  'ingest',
  'openloop',
  'jsonl',
  'agent',
  'influx',
  'kafka',
  'partitions',
  'freshness',
];

function deadLinks({ path, text }: RepoFile): string[] {
  return linksIn(text).flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = '', anchor] = decodeURI(link).split('#', 2);
    const target = file === '' ? path : posix.join(posix.dirname(path), file).replace(/\/$/, '');
    const folder = paths.some((known) => known.startsWith(`${target}/`));
    if (!folder && !paths.includes(target)) return [`no such file: ${link}`];
    if (anchor === undefined || !target.endsWith('.md') || anchorsIn(read(target)).has(anchor)) return [];
    return [`no such heading: ${link}`];
  });
}

it('links in the docs lead to files and headings that exist', () => {
  expect(findings(docs(), deadLinks)).toEqual([]);
});

it('the docs name only scripts that exist', () => {
  const unknown = ({ text }: RepoFile) =>
    codeIn(text)
      .flatMap(scriptsIn)
      .filter((script) => !scripts.includes(script));
  expect(findings(docs(), unknown)).toEqual([]);
});

it('every promised bench exists, and the docs name only benches that do', () => {
  const benches = files(/^(test|packages\/\w+)\/bench\/[^/]+\.ts$/).flatMap(({ text }) =>
    [...text.matchAll(/\bname: '([a-z][\w-]*)'/g)].map((match) => match[1] ?? ''),
  );
  expect(promisedBenches.filter((name) => !benches.includes(name))).toEqual([]);
  const unknown = ({ text }: RepoFile) =>
    codeIn(text)
      .flatMap(benchesIn)
      .filter((name) => !benches.includes(name));
  expect(findings(docs(), unknown)).toEqual([]);
});

it('the README shows the two commands, and continuous integration runs the second', () => {
  const shown = codeIn(read('README.md')).flatMap(scriptsIn);
  expect(shown).toEqual(expect.arrayContaining(['start', 'test']));
  expect(read('.ci/run')).toMatch(/^npm test\b/m);
});

it('the rules read Markdown as people do', () => {
  const text = '# The first, and `only`\n[a](b.md#c) ![i](x.png)\n```sh\npnpm bench ring # [no](link)\n```\n`npm test`';
  expect(linksIn(text)).toEqual(['b.md#c', 'x.png']);
  expect([...anchorsIn(text)]).toEqual(['the-first-and-only']);
  expect(codeIn(text).flatMap(scriptsIn)).toEqual(['bench', 'test']);
  expect(codeIn(text).flatMap(benchesIn)).toEqual(['ring']);
  expect(deadLinks({ path: 'docs/a.md', text: '[x](../package.json) [y](gone.md) [z](https://x.org)' })).toEqual([
    'no such file: gone.md',
  ]);
});

/** What a Markdown file refers to: links, headings, commands in code. Pure. */

/** Links and images outside code, as written. */
export function linksIn(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)>\s]+)>?[^)]*\)/g)].map((match) => match[1] ?? '');
}

/** The anchors of a file's headings, as GitHub makes them. */
export function anchorsIn(markdown: string): Set<string> {
  const headings = [...markdown.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)];
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** All code of a file: blocks and spans, a piece each. */
export function codeIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```[^\n]*\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  const spans = [...markdown.replaceAll(/^```[^]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...blocks, ...spans];
}

/** pnpm's own commands that our docs may use; any other first word is a script. */
const pnpmCommands = new Set(['install', 'i', 'add', 'exec', 'run', 'dlx', 'store', 'why', 'outdated', 'update']);

/** The scripts that code calls by `npm start`, `npm test`, `npm run X`, `pnpm run X` or `pnpm X`. */
export function scriptsIn(code: string): string[] {
  const runs = [...code.matchAll(/\bp?npm run ([a-z][\w:-]*)/g)].map((match) => match[1] ?? '');
  const short = [...code.matchAll(/\bnpm (start|test)\b/g)].map((match) => match[1] ?? '');
  const pnpm = [...code.matchAll(/\bpnpm ([a-z][\w:-]*)/g)].map((match) => match[1] ?? '');
  return [...runs, ...short, ...pnpm.filter((name) => !pnpmCommands.has(name))];
}

/** The benches that code calls by `pnpm bench NAME` or `npm run bench NAME`; capitals stand for any name. */
export function benchesIn(code: string): string[] {
  return [...code.matchAll(/\b(?:pnpm|npm run) bench(?: --)? ([a-z][\w-]*)/g)].map((match) => match[1] ?? '');
}

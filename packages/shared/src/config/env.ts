/**
 * `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$${` (a literal `${`) inside one scalar of a configuration file.
 * Pure. It works on scalars after YAML was parsed, so that no value of a variable can add a key or a line.
 */

export type Env = Readonly<Record<string, string | undefined>>;
export type Expanded = { ok: true; text: string } | { ok: false; what: string; expected: string };

/** An expanded scalar is never longer; larger than any real value, small enough to never matter. */
const EXPANDED_CHARS_MAX = 65_536;
const FORMS = 'one of ${VAR}, ${VAR:-default}, ${VAR:?message}, or $${ for a literal ${';
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

/** @returns whether the scalar has anything to expand. */
export function hasReference(text: string): boolean {
  return text.includes('${');
}

/** Expands every reference; an unset or empty variable takes its default, and `${VAR}` alone must at least be set. */
export function expandEnv(text: string, env: Env): Expanded {
  let out = '';
  let from = 0;
  for (let at = text.indexOf('${'); at !== -1; at = text.indexOf('${', from)) {
    if (at > from && text[at - 1] === '$') {
      out += `${text.slice(from, at - 1)}\${`;
      from = at + 2;
      continue;
    }
    out += text.slice(from, at);
    const end = text.indexOf('}', at);
    if (end === -1) return { ok: false, what: 'a ${ has no } after it', expected: FORMS };
    const one = expandOne(text.slice(at + 2, end), env);
    if (!one.ok) return one;
    out += one.text;
    from = end + 1;
    if (out.length > EXPANDED_CHARS_MAX)
      return { ok: false, what: `expands to more than ${EXPANDED_CHARS_MAX} characters`, expected: 'a shorter value' };
  }
  return { ok: true, text: out + text.slice(from) };
}

function expandOne(body: string, env: Env): Expanded {
  const name = NAME.exec(body)?.[0] ?? '';
  const rest = body.slice(name.length);
  const form = rest.slice(0, 2);
  if (body.includes('${'))
    return { ok: false, what: 'a reference stands inside another', expected: 'a default without ${' };
  if (name === '' || (rest !== '' && form !== ':-' && form !== ':?'))
    return { ok: false, what: `\${${body}} is no reference`, expected: FORMS };
  // A variable called `constructor` is one that was set, not what every object has.
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (rest === '') {
    if (value !== undefined) return { ok: true, text: value };
    return {
      ok: false,
      what: `the environment variable ${name} is not set`,
      expected: `it to be set, or \${${name}:-default}`,
    };
  }
  if (value !== undefined && value !== '') return { ok: true, text: value };
  if (form === ':-') return { ok: true, text: rest.slice(2) };
  return {
    ok: false,
    what: rest.slice(2).trim() === '' ? `${name} is not set` : `${name}: ${rest.slice(2).trim()}`,
    expected: `the environment variable ${name} to be set`,
  };
}

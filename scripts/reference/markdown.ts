/** A table; cells are escaped so that a bar in a pattern does not end its column. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function code(text: string | number): string {
  return `\`${text}\``;
}

/** The anchor that Markdown readers give a heading. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** A document with its title, what it is generated from, and its parts, one blank line between them. */
export function page(title: string, source: string, ...parts: readonly string[]): string {
  const note = `Generated from ${code(source)} by ${code('npm run reference')}; edits here are overwritten.`;
  return `${[`# ${title}`, note, ...parts].join('\n\n')}\n`;
}

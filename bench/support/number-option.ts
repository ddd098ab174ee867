/** The number that follows `--name` on the command line of a bench, or what stands where it is not given. */
export function numberOption(name: string, standard: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? standard : Number(process.argv[at + 1]);
}

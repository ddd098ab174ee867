interface TableHeadProps {
  readonly names: readonly string[];
  /** Names a last column whose cells say by themselves what they are: for screen readers alone. */
  readonly unseen?: string;
}

/** The first line of a table: what its columns are. */
export function TableHead({ names, unseen }: TableHeadProps) {
  return (
    <thead>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
        {unseen !== undefined && (
          <th scope="col">
            <span className="unseen">{unseen}</span>
          </th>
        )}
      </tr>
    </thead>
  );
}

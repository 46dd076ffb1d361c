import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { enumValues, type Field, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker } from "./ReferencePicker";
import { typedText, valueOf } from "./gridText";

interface Props {
  field: Field;
  value: unknown;
  label: string;
  onCommit: (value: unknown, picked?: Row) => void;
  /** Keys that move about in the grid. */
  onKey: (event: KeyboardEvent) => void;
}

/**
 * The editor of the one active cell. It holds the focus from the start, so that typing replaces the value, also
 * through an input method; arrows leave the cell until the person has begun to write in it.
 */
export function CellEditor(props: Props) {
  const { field } = props;
  if (field.references) return <ReferenceCell {...props} />;
  if (field.type === "enum") return <EnumCell {...props} />;
  if (field.type === "bool") return <BoolCell {...props} />;
  return <TextCell {...props} />;
}

function TextCell({ field, value, label, onCommit }: Props) {
  const meta = useMeta();
  const [text, setText] = useState(() => typedText(field, value));
  const [writing, setWriting] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const pending = useRef({ text, dirty: false });
  pending.current.text = text;
  useEffect(() => input.current?.select(), []);
  // The cell loses its editor when another becomes active: what was typed counts.
  const commit = useRef(() => {});
  commit.current = () => {
    if (!pending.current.dirty) return;
    pending.current.dirty = false;
    onCommit(valueOf(meta, field, pending.current.text));
  };
  useEffect(() => () => commit.current(), []);
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return event.stopPropagation();
    if (event.key === "Escape") {
      pending.current.dirty = false;
      setText(typedText(field, value));
      setWriting(false);
      requestAnimationFrame(() => input.current?.select());
      event.stopPropagation();
    } else if (event.key === "F2") {
      setWriting(true);
      input.current?.setSelectionRange(text.length, text.length);
    } else if (writing && /^Arrow(Left|Right)$/.test(event.key)) event.stopPropagation();
    else if (/^(Enter|Tab|Arrow)/.test(event.key)) commit.current();
  };
  return (
    <input
      ref={input} className="cell-input" value={text} aria-label={label} autoFocus inputMode={field.type === "decimal" ? "decimal" : undefined} maxLength={field.maxLength} autoComplete="off"
      onChange={({ target }) => {
        pending.current.dirty = true;
        setWriting(true);
        setText(target.value);
      }}
      onKeyDown={onKey} onBlur={() => commit.current()} onDoubleClick={() => setWriting(true)}
    />
  );
}

function EnumCell({ field, value, label, onCommit }: Props) {
  const meta = useMeta();
  const options = enumValues(meta, field.enum);
  const chosen = value && !String(value).endsWith("UNSPECIFIED") ? String(value) : "";
  return (
    <select
      className="cell-input" value={chosen} aria-label={label} autoFocus onChange={({ target }) => onCommit(target.value)}
      onKeyDown={(event) => {
        if (event.key !== " " && event.key !== "F2") return;
        event.preventDefault();
        event.currentTarget.showPicker();
      }}
    >
      {(!field.required || !chosen) && <option value="" aria-label="—" />}
      {options.map(({ name, label: text }) => <option key={name} value={name}>{text}</option>)}
    </select>
  );
}

function BoolCell({ value, label, onCommit }: Props) {
  return <input type="checkbox" autoFocus aria-label={label} checked={Boolean(value)} onChange={({ target }) => onCommit(target.checked)} />;
}

function ReferenceCell({ field, value, label, onCommit, onKey }: Props) {
  const open = useRef(false);
  return (
    <div
      className="cell-picker" role="presentation"
      // A closed list leaves the arrows to the grid; an open one keeps them.
      onKeyDownCapture={(event) => {
        if (open.current || !event.key.startsWith("Arrow")) return;
        event.stopPropagation();
        onKey(event);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" || (open.current && /^(Arrow|Escape)/.test(event.key))) event.stopPropagation();
      }}
    >
      <ReferencePicker
        label={label} document={field.references!} value={value as string | undefined} onChange={(id, row) => onCommit(id, row)}
        inCell={{ onOpenChange: (next) => { open.current = next; } }}
      />
    </div>
  );
}

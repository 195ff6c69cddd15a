/** readCsv: types, quotes, missing values, and errors with line and column. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataError, OptionError } from "wasmgrad";
import { type CsvOptions, DataLoader, readCsv, TensorDataset } from "wasmgrad/data";

const flowers = `length,width,kind,id
5.1, 3.5 ,setosa,1
7,3.2,versicolor,2

-1e-3,.5,setosa,3
`;

describe("columns", () => {
  test("numbers are float32, texts are categories in sorted order", async () => {
    const table = await readCsv(flowers);
    expect([table.length, table.names]).toEqual([3, ["length", "width", "kind", "id"]]);
    expect(table.column("width").dtype).toBe("float32");
    expect([...table.column("length").data()]).toEqual([5.1, 7, -0.001].map(Math.fround));
    expect(table.column("kind").dtype).toBe("int32");
    expect([table.column("kind").toArray(), table.categories("kind")]).toEqual([
      [0, 1, 0],
      ["setosa", "versicolor"],
    ]);
    expect(table.matrix().toArray()).toEqual([
      [Math.fround(5.1), 3.5, 1],
      [7, Math.fround(3.2), 2],
      [Math.fround(-0.001), 0.5, 3],
    ]);
    expect(table.matrix(["id", "kind"]).toArray()).toEqual([
      [1, 0],
      [2, 1],
      [3, 0],
    ]);
  });

  test("given types, and columns that are left out", async () => {
    const table = await readCsv(flowers, { columns: { id: "int32", width: "category", length: "skip" } });
    expect(table.names).toEqual(["width", "kind", "id"]);
    expect([table.column("id").dtype, table.column("id").toArray()]).toEqual(["int32", [1, 2, 3]]);
    expect(table.categories("width")).toEqual([".5", "3.2", "3.5"]);
    expect(table.column("width").toArray()).toEqual([2, 1, 0]);
    expect(() => table.matrix()).toThrow("matrix: expected one column or more, got none");
  });

  test("a data set and a loader", async () => {
    const table = await readCsv(flowers);
    const set = new TensorDataset(table.matrix(["length", "width"]), table.column("kind"));
    for (const [x, y] of new DataLoader(set, { batchSize: 3 })) {
      expect([x.shape, y.toArray()]).toEqual([
        [3, 2],
        [0, 1, 0],
      ]);
    }
  });

  test("without a header, with another delimiter, Windows line breaks and a byte order mark", async () => {
    const table = await readCsv("1;2,5\r\n3;4,5\r\n", {
      names: ["a", "b"],
      delimiter: ";",
      columns: { b: "category" },
    });
    expect([table.column("a").toArray(), table.categories("b")]).toEqual([
      [1, 3],
      ["2,5", "4,5"],
    ]);
    expect((await readCsv("\ufeffx,y\n1,2")).names).toEqual(["x", "y"]);
    expect((await readCsv("x\n")).column("x").shape).toEqual([0]);
  });

  test("any texts come back, whatever they contain", async () => {
    const field = fc.string({
      unit: fc.constantFrom("a", " ", ",", '"', "\n", "\r\n", "é", "0"),
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }), async (rows) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = `first,second\n${rows.map((row) => row.map(quoted).join(",")).join("\n")}`;
        const options: CsvOptions = { missingValues: [], columns: { first: "category", second: "category" } };
        const table = await readCsv(text, options);
        for (const [c, name] of ["first", "second"].entries()) {
          const names = table.categories(name);
          const read = Array.from(table.column(name).data(), (code) => names[code]);
          expect(read).toEqual(rows.map((row) => row[c].trim()));
          expect(names).toEqual([...new Set(rows.map((row) => row[c].trim()))].sort());
        }
      }),
      { seed: 5, numRuns: 60 },
    );
  });
});

describe("missing values", () => {
  const gaps = "a,b,c\n1,x,2\n,y,3\n4,NA,nan\n5,z,6\n";

  test("drop, nan and a number", async () => {
    const dropped = await readCsv(gaps, { missing: "drop" });
    expect([dropped.length, dropped.column("a").toArray(), dropped.categories("b")]).toEqual([2, [1, 5], ["x", "z"]]);
    const partly = await readCsv(gaps, { missing: "drop", columns: { b: "skip", c: "skip" } });
    expect(partly.column("a").toArray()).toEqual([1, 4, 5]);
    const skip = { b: "skip" } as const;
    expect((await readCsv(gaps, { missing: "nan", columns: skip })).column("a").toArray()).toEqual([1, NaN, 4, 5]);
    const filled = await readCsv(gaps, { missing: -1, columns: { ...skip, c: "int32" } });
    expect([filled.column("a").toArray(), filled.column("c").toArray()]).toEqual([
      [1, -1, 4, 5],
      [2, 3, -1, 6],
    ]);
  });

  test.each<[string, CsvOptions, string]>([
    ["by default", {}, 'line 3, column "a": expected a float32 number, got nothing; see the option missing'],
    ["a category", { missing: 0 }, 'line 4, column "b": expected a category, got nothing'],
    [
      "NaN in int32",
      { missing: "nan", columns: { b: "skip", c: "int32" } },
      'line 4, column "c": expected an int32 integer',
    ],
    ["a fraction in int32", { missing: 0.5, columns: { b: "skip", c: "int32" } }, 'column "c": expected an int32'],
  ])("%s: an error", async (_what, options, message) => {
    await expect(readCsv(gaps, options)).rejects.toThrow(DataError);
    await expect(readCsv(gaps, options)).rejects.toThrow(message);
  });

  test("other texts of missing values", async () => {
    const table = await readCsv("a,b\n?,NA\n2,x", { missingValues: ["?"], missing: 0 });
    expect([table.column("a").toArray(), table.categories("b")]).toEqual([
      [0, 2],
      ["NA", "x"],
    ]);
  });
});

describe("errors", () => {
  test.each<[string, string, CsvOptions, string]>([
    [
      "no number",
      "a,b\n1,2\n3,x",
      { columns: { b: "float32" } },
      'line 3, column "b": expected a float32 number, got "x"',
    ],
    ["after a line break in quotes", 'a,b\n"1\n2",2\n3,x', { columns: { b: "float32" } }, 'line 4, column "b"'],
    ["hexadecimal", "a\n0x10", { columns: { a: "float32" } }, 'got "0x10"'],
    [
      "a fraction as int32",
      "a\n1\n2.5",
      { columns: { a: "int32" } },
      'line 3, column "a": expected an int32 integer, got "2.5"',
    ],
    ["beyond int32", "a\n3000000000", { columns: { a: "int32" } }, "expected an int32 integer"],
    ["beyond float32", "a\n1e39", {}, "expected a float32 number"],
    ["too few fields", "a,b\n1,2\n\n3", {}, "line 4: expected 2 fields, got 1"],
    ["too many fields", "a,b\n1,2,3", {}, "line 2: expected 2 fields, got 3"],
    ["a quote that is not closed", 'a,b\n1,"x\n2,3\n', {}, "line 2, character 4: Quoted field unterminated"],
    ["text after a quote", 'a,b\n1,2\n1,"x"y\n', {}, "line 3, character 4: Trailing quote"],
    ["no line", "\n\n", {}, "expected a line with the names of the columns"],
    ["two columns of a name", "a,b,a\n1,2,3", {}, 'expected different names of columns, got "a" twice'],
  ])("%s is a DataError", async (_what, text, options, message) => {
    await expect(readCsv(text, options)).rejects.toThrow(DataError);
    await expect(readCsv(text, options)).rejects.toThrow(message);
  });

  test.each<[string, unknown, object]>([
    ["bytes", new Uint8Array(3), {}],
    ["an unknown column", "a\n1", { columns: { b: "int32" } }],
    ["an unknown type", "a\n1", { columns: { a: "float64" } }],
    ["an unknown policy", "a\n1", { missing: "ignore" }],
    ["a long delimiter", "a\n1", { delimiter: "::" }],
    ["names that are no texts", "a\n1", { names: [1] }],
    ["equal names", "1,2", { names: ["a", "a"] }],
    ["an unknown option", "a\n1", { header: false }],
  ])("%s is an OptionError", async (_what, text, options) => {
    await expect(readCsv(text as string, options)).rejects.toThrow(OptionError);
  });

  test("columns that a table does not have", async () => {
    const table = await readCsv("a,b\n1,x");
    expect(() => table.column("c")).toThrow('column: expected one of the columns a, b, got "c"');
    expect(() => table.categories("a")).toThrow('categories: column "a" has numbers, not categories');
    expect(() => table.matrix(["a", "toString"])).toThrow(OptionError);
    expect((await readCsv("toString,__proto__\n1,x")).names).toEqual(["toString", "__proto__"]);
  });
});

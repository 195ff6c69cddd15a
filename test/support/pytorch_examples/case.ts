/** How test/product/pytorch_examples.test.ts tests one program of examples/pytorch/. */
export interface ExampleCase {
  /**
   * The losses of the first steps, with weights and data of `Numbers`. NAME.py in
   * test/fixtures/pytorch_examples does the same with PyTorch. Omitted: the program has no such test.
   */
  losses?: (steps: number) => (number | number[])[];
  /** The allowed difference relative to PyTorch's loss; say why where it is more than 1e-5. */
  tolerance?: number;
  /** Arguments with which `main` ends within seconds. */
  smoke: string[];
  /** The mean of the last three losses of that run is at most this many times that of the first three. */
  falls?: number;
  /** Pictures that it leaves in the folder `--out`. */
  pictures?: string[];
}

import { rand, tensor } from "wasmgrad";

/** Each sample has its index, and random numbers drawn from the default generator. */
export const set = {
  length: 23,
  get(index: number): [ReturnType<typeof tensor>, number] {
    return [tensor([index, ...rand([2]).data()]), index];
  },
};

export default set;

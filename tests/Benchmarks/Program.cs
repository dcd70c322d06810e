using RuntimeGuard.Benchmarks;

// Each benchmark prints a table of its own; without arguments all of them run but the evaluation, which takes minutes.
var all = new Dictionary<string, Func<int>>
{
    ["kernel"] = KernelBenchmark.Run,
    ["memory"] = MemoryBenchmark.Run,
    ["models"] = ModelsBenchmark.Run,
    ["pipeline"] = PipelineBenchmark.Run,
    ["replay"] = ReplayBenchmark.Run,
    ["size"] = SizeBenchmark.Run,
};
if (args is ["evaluate", .. var how])
    return Evaluation.Run(how);
var unknown = args.Where(name => !all.ContainsKey(name)).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"no benchmark '{unknown[0]}'; there are: {string.Join(", ", all.Keys)}, {Evaluation.Usage}");
    return 2;
}
return all.Where(entry => args.Length == 0 || args.Contains(entry.Key)).Max(entry => entry.Value());

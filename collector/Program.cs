using RuntimeGuard.Collector.Commands;

return await CommandLine.RunAsync(args);

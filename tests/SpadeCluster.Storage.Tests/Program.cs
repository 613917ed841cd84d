using SpadeCluster.Storage.Tests.Support;

// What the tests start as a process of its own: a writer that is killed, or a scorer whose memory is measured.
return await (args[0] == "memory" ? MemoryProbe.RunAsync(args) : KilledWriter.RunAsync(args));

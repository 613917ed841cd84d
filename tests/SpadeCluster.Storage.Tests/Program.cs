using SpadeCluster.Storage.Tests.Support;

// The tests start this program as a separate process: a writer that is killed, or a scorer whose memory is measured.
return await (args[0] == "memory" ? MemoryProbe.RunAsync(args) : KilledWriter.RunAsync(args));

using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Lepton.Tests")]

#pragma once

// Marks element functions that the CPU and the GPU share. Without nvcc it says nothing.
#ifdef __CUDACC__
#define INLAY_HOST_DEVICE __host__ __device__
#else
#define INLAY_HOST_DEVICE
#endif

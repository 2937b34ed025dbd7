utils.setReturnValue({ orderId: "A-7", state: "packed" });

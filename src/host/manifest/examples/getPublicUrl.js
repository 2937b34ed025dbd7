return utils.getPublicUrl("parcel.png");
